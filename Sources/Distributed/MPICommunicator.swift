import Foundation

/// Ranks that talk through MPI.
///
/// One thread, started here, makes every MPI call from MPI_Init_thread to MPI_Finalize; everyone
/// else queues jobs for it. Jobs run in the order in which they were queued, each a blocking
/// collective: Open MPI makes no progress on its own, so a thread that blocks is what overlaps
/// communication with computation.
package final class MPICommunicator: Communicator {
    package let rank: Int
    package let size: Int
    package let localRank: Int
    package let localSize: Int
    package let hostNames: [String]
    package let isKeptFromNeighbours: Bool
    package let neighbourMemory: NeighbourMemory?
    package let libraryVersion: String

    private let queue: JobQueue

    /// Starts MPI and meets the other ranks.
    /// - Parameter pieceBytes: Large buffers move in pieces of this size; 4 MB was fastest on
    ///   shared memory.
    /// - Parameter ranksPerHost: Ranks in a row that sums take for one host's; `nil` asks MPI.
    package init(
        pieceBytes: Int = 1 << 22, ranksPerHost: Int? = nil
    ) throws(CommunicationError) {
        let queue = JobQueue()
        let facts = Facts()
        let start = CommunicationJob(Collective(kind: .gatherTexts)) {
            (context) throws(CommunicationError) in
            facts.names = try context.gather(text: context.hostName)
            facts.rank = context.rank
            facts.size = context.size
            facts.localRank = context.localRank
            facts.localSize = context.localSize
            facts.version = context.libraryVersion
            facts.isKeptFromNeighbours = context.isKeptFromNeighbours
            facts.neighbourMemory = context.neighbourMemory
        }
        try queue.submit(start)
        let thread = Thread {
            Self.serve(queue, pieceBytes: pieceBytes, ranksPerHost: ranksPerHost)
        }
        thread.name = "communication"
        thread.stackSize = 8 << 20
        thread.start()
        try queue.wait(for: start)
        self.queue = queue
        rank = facts.rank
        size = facts.size
        localRank = facts.localRank
        localSize = facts.localSize
        hostNames = facts.names
        isKeptFromNeighbours = facts.isKeptFromNeighbours
        neighbourMemory = facts.neighbourMemory
        libraryVersion = facts.version
    }

    /// What the communication thread found out at the start.
    private final class Facts {
        var rank = 0
        var size = 1
        var localRank = 0
        var localSize = 1
        var names: [String] = []
        var version = ""
        var isKeptFromNeighbours = false
        var neighbourMemory: NeighbourMemory?
    }

    /// The life of the communication thread.
    ///
    /// After the first error every further job fails with it: ranks may no longer be in step.
    private static func serve(_ queue: JobQueue, pieceBytes: Int, ranksPerHost: Int?) {
        var context: MPIContext?
        var failure: CommunicationError?
        do throws(CommunicationError) {
            context = try MPIContext(
                pieceBytes: pieceBytes, ranksPerHost: ranksPerHost, queue: queue)
        } catch {
            failure = error
        }
        while let (job, work) = queue.next() {
            var timing = CollectiveTiming()
            if let context, failure == nil {
                do throws(CommunicationError) {
                    timing.waiting = try context.meet(for: job.collective)
                    let start = Machine.seconds()
                    try work(context)
                    timing.transferring = Machine.seconds() - start
                    timing.sentBytes = context.sentBytes
                } catch {
                    failure = error
                }
            }
            queue.finish(job, error: failure, timing: timing)
        }
    }

    package var activity: CommunicationActivity { queue.activity }

    /// Runs `work` on the communication thread, after a meeting of all ranks, and waits for it.
    func run(
        _ collective: Collective, _ work: @escaping CommunicationJob.Work
    ) throws(CommunicationError) {
        let job = CommunicationJob(collective, work)
        try queue.submit(job)
        try queue.wait(for: job)
    }

    private func begin(
        _ collective: Collective, _ work: @escaping CommunicationJob.Work
    ) throws(CommunicationError) -> SumTicket {
        let job = CommunicationJob(collective, work)
        try queue.submit(job)
        return SumTicket(job: job, queue: queue)
    }

    package func beginSum(
        _ buffer: UnsafeMutableBufferPointer<Float>, order: SumOrder, wire: WireType
    ) throws(CommunicationError) -> SumTicket {
        switch order {
        case .fastest:
            let kind: Collective.Kind = wire == .bfloat16 ? .narrowSum : .sum
            return try begin(.floats(kind, buffer)) { (context) throws(CommunicationError) in
                try context.sum(buffer, wire: wire)
            }
        case .tree:
            precondition(wire == .float32, "a tree sum rounds nothing on its way")
            guard size & (size - 1) == 0 else { throw .treeNeedsPowerOfTwo(ranks: size) }
            return try begin(.floats(.treeSum, buffer)) { (context) throws(CommunicationError) in
                try context.treeSum(buffer)
            }
        }
    }

    package func beginReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int],
        wire: WireType
    ) throws(CommunicationError) -> SumTicket {
        checkSlices("reduceScatter", buffer, counts, offsets)
        let slices = Slices(counts: counts, offsets: offsets)
        let collective = Collective.floats(
            wire == .bfloat16 ? .narrowReduceScatter : .reduceScatter, buffer,
            slices: counts + offsets)
        return try begin(collective) { (context) throws(CommunicationError) in
            try context.reduceScatter(buffer, slices, wire: wire)
        }
    }

    package func allGather(
        buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int]
    ) throws(CommunicationError) {
        checkSlices("allGather", buffer, counts, offsets)
        let collective = Collective.floats(.allGather, buffer, slices: counts + offsets)
        try run(collective) { (context) throws(CommunicationError) in
            try context.allGather(buffer, Slices(counts: counts, offsets: offsets))
        }
    }

    package func sum(_ values: inout [Double]) throws(CommunicationError) {
        try onValues(&values, .sumOfDoubles) { (context, buffer) throws(CommunicationError) in
            try context.sum(buffer)
        }
    }

    package func maximum(_ values: inout [Double]) throws(CommunicationError) {
        for index in values.indices where values[index].isNaN { values[index] = .infinity }
        try onValues(&values, .maximum) { (context, buffer) throws(CommunicationError) in
            try context.maximum(buffer)
        }
    }

    package func broadcast(
        _ values: inout [Double], from root: Int
    ) throws(CommunicationError) {
        try onValues(&values, .broadcastDoubles, detail: root) {
            (context, buffer) throws(CommunicationError) in
            try context.broadcast(buffer, from: root)
        }
    }

    package func broadcast(
        bytes: inout [UInt8], from root: Int
    ) throws(CommunicationError) {
        let box = Box(bytes)
        try run(Collective(kind: .broadcastBytes, detail: root)) {
            (context) throws(CommunicationError) in
            box.value = try context.broadcast(bytes: box.value, from: root)
        }
        bytes = box.value
    }

    package func broadcast(
        buffer: UnsafeMutableBufferPointer<Float>, from root: Int
    ) throws(CommunicationError) {
        let collective = Collective(
            kind: .broadcastFloats, count: buffer.count, detail: root, bytes: buffer.count * 4)
        try run(collective) { (context) throws(CommunicationError) in
            try context.broadcast(buffer, from: root)
        }
    }

    package func allGather(_ text: String) throws(CommunicationError) -> [String] {
        let box = Box<[String]>([])
        try run(Collective(kind: .gatherTexts)) { (context) throws(CommunicationError) in
            box.value = try context.gather(text: text)
        }
        return box.value
    }

    package func barrier() throws(CommunicationError) {
        // The meeting before each job is a barrier already.
        try run(Collective(kind: .barrier)) { (_) throws(CommunicationError) in }
    }

    package func close() throws(CommunicationError) {
        try run(Collective(kind: .close)) { (context) throws(CommunicationError) in
            try context.finalize()
        }
    }

    /// Like `close()`, but gives up after `seconds`; tells whether MPI has ended.
    func close(within seconds: Double) -> Bool {
        let job = CommunicationJob(Collective(kind: .close)) {
            (context) throws(CommunicationError) in
            try context.finalize()
        }
        do throws(CommunicationError) {
            try queue.submit(job)
        } catch {
            return true
        }
        return queue.wait(for: job, seconds: seconds)
    }

    private func onValues(
        _ values: inout [Double], _ kind: Collective.Kind, detail: Int = 0,
        _ work:
            @escaping (MPIContext, UnsafeMutableBufferPointer<Double>) throws(CommunicationError)
            -> Void
    ) throws(CommunicationError) {
        let collective = Collective(
            kind: kind, count: values.count, detail: detail, bytes: values.count * 8)
        try values.withUnsafeMutableBufferPointer { (buffer) throws(CommunicationError) in
            let buffer = buffer
            try run(collective) { (context) throws(CommunicationError) in
                try work(context, buffer)
            }
        }
    }
}

/// A value that a job leaves for the caller, who waits for the job before reading it.
private final class Box<Value> {
    var value: Value

    init(_ value: Value) {
        self.value = value
    }
}

extension Collective {
    /// A collective over a buffer of floats; slices take part in the comparison across ranks.
    fileprivate static func floats(
        _ kind: Kind, _ buffer: UnsafeMutableBufferPointer<Float>, slices: [Int] = []
    ) -> Collective {
        var hash = Fingerprint()
        for value in slices { hash.add(UInt64(value)) }
        return Collective(
            kind: kind, count: buffer.count,
            detail: slices.isEmpty ? 0 : Int(truncatingIfNeeded: hash.value),
            bytes: buffer.count * MemoryLayout<Float>.stride)
    }
}
