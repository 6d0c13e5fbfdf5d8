import Foundation
import ModelFiles

/// A request with a number and the place its events go to.
struct QueuedAnswer: Sendable {
    let number: UInt64
    let request: AnswerRequest
    let events: AsyncStream<AnswerEvent>.Continuation
}

/// What callers of an ``AnswerEngine`` and its thread tell each other.
final class EngineLine: @unchecked Sendable {
    // Unchecked because of the mutable state, all of which the condition guards.

    /// Something to be done with the model between turns.
    typealias Job = @Sendable (InferenceModel) -> Void

    /// What the thread finds.
    struct Work {
        var answers: [QueuedAnswer] = []
        var jobs: [Job] = []
        /// Numbers of requests whose callers are gone.
        var dropped: Set<UInt64> = []
    }

    private let condition = NSCondition()
    private let queueLimit: Int
    private var waiting: [QueuedAnswer] = []
    private var jobs: [Job] = []
    private var dropped: Set<UInt64> = []
    private var issued: UInt64 = 0
    private var isStopping = false
    private var isCutShort = false
    private var figures = EngineFigures()

    /// - Parameter queueLimit: requests and jobs that may wait.
    init(queueLimit: Int) { self.queueLimit = queueLimit }

    /// Adds requests, all or none.
    func add(_ requests: [AnswerRequest]) throws(EngineRefusal) -> [AsyncStream<AnswerEvent>] {
        condition.lock()
        defer { condition.unlock() }
        guard !isStopping else { throw .stopping }
        // Whoever asks for more answers than the queue is long gets them while it is empty.
        guard waiting.isEmpty || waiting.count + requests.count <= queueLimit else {
            throw .full(waiting: waiting.count)
        }
        let streams = requests.map { request in
            let (stream, events) = AsyncStream.makeStream(of: AnswerEvent.self)
            issued += 1
            let number = issued
            events.onTermination = { [weak self] reason in
                if case .cancelled = reason { self?.drop(number) }
            }
            waiting.append(QueuedAnswer(number: number, request: request, events: events))
            return stream
        }
        condition.signal()
        return streams
    }

    func add(_ job: @escaping Job) throws(EngineRefusal) {
        condition.lock()
        defer { condition.unlock() }
        guard !isStopping else { throw .stopping }
        guard jobs.count < max(1, queueLimit) else { throw .full(waiting: jobs.count) }
        jobs.append(job)
        condition.signal()
    }

    /// Gives a request up: its caller is gone.
    private func drop(_ number: UInt64) {
        condition.lock()
        defer { condition.unlock() }
        if let place = waiting.firstIndex(where: { $0.number == number }) {
            waiting.remove(at: place)
            figures.finished += 1
        } else {
            dropped.insert(number)
        }
        condition.signal()
    }

    /// Takes nothing new from now on; what runs and waits is finished, unless it is cut short.
    func stop(cutShort: Bool) {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        if cutShort { isCutShort = true }
        condition.broadcast()
    }

    /// What is to be done; waits while there is nothing and `running` is 0. `nil` at the end.
    ///
    /// - Parameters:
    ///   - running: requests that have a place.
    ///   - free: places for more.
    func work(running: Int, free: Int) -> Work? {
        condition.lock()
        defer { condition.unlock() }
        figures.running = running
        while running == 0, waiting.isEmpty, jobs.isEmpty, !isStopping {
            dropped = []
            condition.wait()
        }
        if isCutShort {
            for answer in waiting {
                answer.events.yield(.ended(.stopped))
                answer.events.finish()
            }
            waiting = []
            return nil
        }
        if running == 0, waiting.isEmpty, jobs.isEmpty { return nil }
        var work = Work(jobs: jobs, dropped: dropped)
        (jobs, dropped) = ([], [])
        work.answers = Array(waiting.prefix(free))
        waiting.removeFirst(work.answers.count)
        return work
    }

    /// Adds to the figures.
    func count(_ change: (inout EngineFigures) -> Void) {
        condition.lock()
        change(&figures)
        condition.unlock()
    }

    /// The figures as they are.
    var currentFigures: EngineFigures {
        condition.lock()
        defer { condition.unlock() }
        var figures = figures
        figures.waiting = waiting.count
        return figures
    }
}
