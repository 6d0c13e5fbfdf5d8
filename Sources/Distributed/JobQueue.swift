import Foundation

/// One collective on its way through the communication thread.
final class CommunicationJob: @unchecked Sendable {
    typealias Work = (MPIContext) throws(CommunicationError) -> Void

    /// What is asked for; all ranks must ask for the same.
    let collective: Collective
    // The rest is guarded by the queue's lock.
    fileprivate var work: Work?
    fileprivate var isDone = false
    fileprivate var error: CommunicationError?

    init(_ collective: Collective, _ work: @escaping Work) {
        self.collective = collective
        self.work = work
    }
}

/// The line of jobs between the step and the communication thread.
///
/// Both sides sleep on condition variables: neither takes processor time from the other when it has
/// nothing to do, which matters where a rank has one core.
final class JobQueue: @unchecked Sendable {
    private let lock = NSCondition()
    private var jobs: [CommunicationJob] = []
    private var isClosed = false
    private var waiters = 0
    private var tally = CommunicationActivity()

    /// Adds a job at the end of the line.
    /// - Throws: ``CommunicationError/closed(call:)`` after the queue was closed.
    func submit(_ job: CommunicationJob) throws(CommunicationError) {
        lock.lock()
        defer { lock.unlock() }
        guard !isClosed else { throw .closed(call: job.collective.description) }
        jobs.append(job)
        if job.collective.kind == .close { isClosed = true }
        lock.broadcast()
    }

    /// The next job and its work; sleeps until there is one. `nil` when the last one was taken.
    func next() -> (CommunicationJob, CommunicationJob.Work)? {
        lock.lock()
        defer { lock.unlock() }
        while jobs.isEmpty {
            if isClosed { return nil }
            lock.wait()
        }
        let job = jobs.removeFirst()
        guard let work = job.work else { preconditionFailure("a job is run once") }
        job.work = nil
        return (job, work)
    }

    /// Marks a job as ended and wakes whoever waits for it.
    func finish(_ job: CommunicationJob, error: CommunicationError?, timing: CollectiveTiming) {
        lock.lock()
        defer { lock.unlock() }
        job.isDone = true
        job.error = error
        tally.collectives += 1
        tally.secondsWaitingForPeers += timing.waiting
        tally.secondsTransferring += timing.transferring
        tally.bytes += job.collective.bytes
        tally.bytesSent = max(tally.bytesSent, timing.sentBytes)
        lock.broadcast()
    }

    /// Sleeps until the job has ended.
    func wait(for job: CommunicationJob) throws(CommunicationError) {
        lock.lock()
        defer { lock.unlock() }
        sleepUntilDone(job)
        if let error = job.error { throw error }
    }

    /// Sleeps until the job has ended, well or not.
    func waitQuietly(for job: CommunicationJob) {
        lock.lock()
        defer { lock.unlock() }
        sleepUntilDone(job)
    }

    /// Sleeps until the job has ended or `seconds` have passed; tells whether it has ended.
    func wait(for job: CommunicationJob, seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        lock.lock()
        defer { lock.unlock() }
        while !job.isDone {
            if !lock.wait(until: deadline) { return job.isDone }
        }
        return true
    }

    /// What has been done so far.
    var activity: CommunicationActivity {
        lock.lock()
        defer { lock.unlock() }
        var activity = tally
        activity.isCallerWaiting = waiters > 0
        return activity
    }

    /// Whether some thread sleeps until a job ends, so that its core is free.
    var isCallerWaiting: Bool {
        lock.lock()
        defer { lock.unlock() }
        return waiters > 0
    }

    private func sleepUntilDone(_ job: CommunicationJob) {
        waiters += 1
        while !job.isDone { lock.wait() }
        waiters -= 1
    }
}

/// Seconds that one collective took.
struct CollectiveTiming: Sendable {
    /// Until every rank had called it.
    var waiting = 0.0
    /// From then to its end.
    var transferring = 0.0
    /// Bytes sent in sums and gathers so far, this one's included.
    var sentBytes = 0
}

/// A description of one collective call, compared across ranks before any data moves.
struct Collective: Sendable, Equatable {
    enum Kind: Int64, Sendable {
        case sum = 1
        case treeSum, narrowSum, reduceScatter, narrowReduceScatter, allGather, sumOfDoubles,
            maximum, broadcastDoubles
        case broadcastBytes, broadcastFloats, gatherTexts, barrier, probe, close
    }

    let kind: Kind
    /// Elements of the buffer; 0 where ranks may differ.
    var count = 0
    /// The root of a broadcast, a fingerprint of slices, or the partner of a probe.
    var detail = 0
    /// Bytes of the buffer.
    var bytes = 0

    /// A number below 2⁶² that differs, in all likelihood, where two descriptions differ.
    func fingerprint(sequence: Int) -> Int64 {
        var hash = Fingerprint()
        hash.add(UInt64(bitPattern: kind.rawValue))
        hash.add(UInt64(count))
        hash.add(UInt64(bitPattern: Int64(detail)))
        hash.add(UInt64(sequence))
        return Int64(hash.value >> 2)
    }
}

extension Collective: CustomStringConvertible {
    var description: String {
        switch kind {
        case .sum: "sum of \(count) floats"
        case .treeSum: "tree sum of \(count) floats"
        case .narrowSum: "sum of \(count) floats by bfloat16"
        case .reduceScatter: "reduce-scatter of \(count) floats"
        case .narrowReduceScatter: "reduce-scatter of \(count) floats by bfloat16"
        case .allGather: "all-gather of \(count) floats"
        case .sumOfDoubles: "sum of \(count) doubles"
        case .maximum: "maximum of \(count) doubles"
        case .broadcastDoubles: "broadcast of \(count) doubles from rank \(detail)"
        case .broadcastBytes: "broadcast of bytes from rank \(detail)"
        case .broadcastFloats: "broadcast of \(count) floats from rank \(detail)"
        case .gatherTexts: "gather of texts"
        case .barrier: "barrier"
        case .probe: "link probe"
        case .close: "close"
        }
    }
}
