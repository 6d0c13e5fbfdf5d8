/// The processes of one data-parallel run.
///
/// Every method that throws is collective: all ranks call it, in the same order, with the same
/// counts. Ranks that call different methods get ``CommunicationError/mismatchedCollective(calls:)``.
package protocol Communicator: AnyObject, Sendable {
    /// 0 … size − 1.
    var rank: Int { get }
    var size: Int { get }
    /// The host of each rank; element `rank` is this host.
    var hostNames: [String] { get }
    /// This rank's number among the ranks of its host.
    var localRank: Int { get }
    /// How many ranks share this host.
    var localSize: Int { get }
    /// Whether ranks of one host may not read each other's memory, so that they send each other
    /// messages instead.
    var isKeptFromNeighbours: Bool { get }
    /// All ranks' memory; `nil` where one of them cannot be read.
    var neighbourMemory: NeighbourMemory? { get }
    /// The library that moves the data, with its version.
    var libraryVersion: String { get }
    /// What communication has done so far on this rank. May be read from any thread.
    var activity: CommunicationActivity { get }

    /// Queues an in-place float32 sum over ranks and returns at once.
    ///
    /// `buffer` belongs to the communicator until the ticket has been waited for. All ranks end with
    /// the same bits. The order `.tree` goes with float32 on the wire only.
    /// - Throws: ``CommunicationError/treeNeedsPowerOfTwo(ranks:)`` for `order` `.tree` on other
    ///   numbers of ranks.
    func beginSum(
        _ buffer: UnsafeMutableBufferPointer<Float>, order: SumOrder, wire: WireType
    ) throws(CommunicationError) -> SumTicket

    /// Queues a float32 sum of which each rank keeps one slice, and returns at once.
    ///
    /// Slice r is `counts[r]` elements from `offsets[r]`; slices do not overlap. Afterwards slice
    /// `rank` of `buffer` holds the sum over ranks, in float32 and not rounded after it was added,
    /// and the other slices hold whatever it took.
    func beginReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int],
        wire: WireType
    ) throws(CommunicationError) -> SumTicket

    /// Fills every slice of `buffer` from the rank that owns it; slices as in reduce-scatter.
    func allGather(
        buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int]
    ) throws(CommunicationError)

    /// Sums float64 values over ranks, in the aligned tree order on power-of-two rank counts.
    func sum(_ values: inout [Double]) throws(CommunicationError)

    /// Takes the largest of each value over ranks. NaN counts as infinity.
    func maximum(_ values: inout [Double]) throws(CommunicationError)

    /// Gives every rank the root's values.
    func broadcast(_ values: inout [Double], from root: Int) throws(CommunicationError)

    /// Gives every rank the root's bytes; other ranks' arrays may have any length before.
    func broadcast(bytes: inout [UInt8], from root: Int) throws(CommunicationError)

    /// Gives every rank the root's values, in place.
    func broadcast(
        buffer: UnsafeMutableBufferPointer<Float>, from root: Int
    ) throws(CommunicationError)

    /// One text from each rank, by rank.
    func allGather(_ text: String) throws(CommunicationError) -> [String]

    /// Returns when every rank has called it.
    func barrier() throws(CommunicationError)

    /// Takes leave of the other ranks; nothing can be communicated afterwards.
    func close() throws(CommunicationError)
}

/// In which order the ranks' values are added.
package enum SumOrder: Equatable, Sendable {
    /// Whatever moves the bytes fastest; the same bits on all ranks and in every run of the same
    /// number of ranks on hosts alike.
    case fastest
    /// ((r0 + r1) + (r2 + r3)) + …: power-of-two rank counts extend each other's sums, so 1, 2, 4
    /// and 8 ranks agree bit for bit where each rank's own sum is the same tree.
    case tree
}

/// The numbers in which summands travel between ranks; they are added in float32 in any case.
package enum WireType: Sendable {
    case float32
    /// Half the bytes: a summand is rounded once before it is added, and a sum once before it is
    /// handed out. Where each of several hosts holds several ranks, these are between hosts; inside
    /// a host numbers pass unrounded.
    case bfloat16
}

/// What communication has done so far on one rank.
package struct CommunicationActivity: Equatable, Sendable {
    /// Collectives that have ended.
    package var collectives = 0
    /// Seconds in which this rank had called a collective and some other rank had not yet.
    package var secondsWaitingForPeers = 0.0
    /// Seconds in which all ranks took part in a collective.
    package var secondsTransferring = 0.0
    /// Bytes of the buffers that went through collectives.
    package var bytes = 0
    /// Bytes that this rank sent for sums and gathers of gradients and parameters.
    package var bytesSent = 0
    /// Whether the step itself is blocked on a collective now.
    package var isCallerWaiting = false
}

/// A sum under way. Cannot be copied; `wait` consumes it, so it is never waited for twice.
///
/// A ticket that is dropped, for instance by a thrown error, waits too: the memory of its buffer
/// may be freed as soon as the ticket is gone.
package struct SumTicket: ~Copyable {
    private let job: CommunicationJob?
    private let queue: JobQueue?

    /// A sum that has already ended.
    init() {
        job = nil
        queue = nil
    }

    init(job: CommunicationJob, queue: JobQueue) {
        self.job = job
        self.queue = queue
    }

    /// Returns when the buffer holds the sum.
    /// - Throws: What went wrong in this sum or in a collective before it.
    package consuming func wait() throws(CommunicationError) {
        guard let job, let queue else { return }
        try queue.wait(for: job)
    }

    deinit {
        guard let job, let queue else { return }
        queue.waitQuietly(for: job)
    }
}

extension Communicator {
    /// The name of this rank's host.
    package var hostName: String { hostNames[rank] }

    /// Queues an in-place sum over ranks in the fastest order.
    package func beginSum(
        _ buffer: UnsafeMutableBufferPointer<Float>, wire: WireType = .float32
    ) throws(CommunicationError) -> SumTicket {
        try beginSum(buffer, order: .fastest, wire: wire)
    }

    /// Sums, keeps this rank's slice and waits. See ``beginReduceScatter(_:counts:offsets:wire:)``.
    package func reduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int],
        wire: WireType = .float32
    ) throws(CommunicationError) {
        try beginReduceScatter(buffer, counts: counts, offsets: offsets, wire: wire).wait()
    }

    /// The numbers of all ranks, one behind another, and how many each rank has.
    package func allGather(
        _ own: [Float]
    ) throws(CommunicationError) -> (numbers: [Float], counts: [Int]) {
        var sizes = [Double](repeating: 0, count: size)
        sizes[rank] = Double(own.count)
        try sum(&sizes)
        let counts = sizes.map { Int($0) }
        let offsets = counts.indices.map { counts[..<$0].reduce(0, +) }
        var numbers = [Float](repeating: 0, count: counts.reduce(0, +))
        numbers.replaceSubrange(offsets[rank]..<offsets[rank] + own.count, with: own)
        try numbers.withUnsafeMutableBufferPointer { (buffer) throws(CommunicationError) in
            try allGather(buffer: buffer, counts: counts, offsets: offsets)
        }
        return (numbers, counts)
    }

    /// Throws on every rank if any rank has an error, the lowest such rank's message everywhere.
    ///
    /// Call it where ranks may find different mistakes (a file missing on one host), before the
    /// next collective.
    /// - Throws: ``CommunicationError/agreed(message:rank:host:)``.
    package func agree(on error: String?) throws(CommunicationError) {
        var flags = [error == nil ? 0.0 : 1.0]
        try maximum(&flags)
        guard flags[0] > 0 else { return }
        let messages = try allGather(error ?? "")
        let found = messages.firstIndex { !$0.isEmpty } ?? rank
        throw .agreed(message: messages[found], rank: found, host: hostNames[found])
    }

    /// Stops unless slices describe disjoint parts of the buffer, one for each rank.
    func checkSlices(
        _ call: StaticString, _ buffer: UnsafeMutableBufferPointer<Float>, _ counts: [Int],
        _ offsets: [Int]
    ) {
        precondition(
            counts.count == size && offsets.count == size,
            "\(call): \(counts.count) counts and \(offsets.count) offsets for \(size) ranks")
        for (count, offset) in zip(counts, offsets) {
            precondition(
                count >= 0 && offset >= 0 && offset + count <= buffer.count,
                "\(call): slice \(offset)..<\(offset + count) of \(buffer.count) elements")
        }
    }
}
