import Dispatch
import Generation
import Synchronization

/// A model that one queue alone touches, for those that wait in it.
final class QueuedModel<Model>: @unchecked Sendable {
    // Unchecked because of the model, which the queue alone touches.
    private let model: Model
    private let queue = DispatchQueue(label: "model")
    private let waiting = Mutex(0)
    /// Callers that may wait.
    private static var queueLimit: Int { 64 }

    init(_ model: sending Model) { self.model = model }

    /// Does something with the model when all earlier callers are done.
    ///
    /// - Throws: ``ServerProblem`` 429 where too many wait.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (Model) -> Value
    ) async throws(ServerProblem) -> Value {
        let number = waiting.withLock { waiting in
            waiting += 1
            return waiting
        }
        defer { waiting.withLock { $0 -= 1 } }
        guard number <= Self.queueLimit else {
            throw EngineRefusal.full(waiting: number - 1).problem
        }
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body(self.model)) }
        }
    }
}
