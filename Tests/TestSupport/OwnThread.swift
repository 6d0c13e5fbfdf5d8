import Dispatch
package import Testing

/// A thread for one test's tasks.
private final class OwnThread: TaskExecutor {
    // A serial queue has a thread whatever the other queues' threads wait for.
    private let queue = DispatchQueue(label: "a test's own thread")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Runs each test on a thread of its own.
package struct OwnThreadTrait: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(OwnThread()) { try await function() }
    }
}

extension Trait where Self == OwnThreadTrait {
    /// For tests that race with a thread of the program: elsewhere, a test that waits goes on when other
    /// tests leave it a thread, which can be minutes later.
    package static var ownThread: Self { Self() }
}
