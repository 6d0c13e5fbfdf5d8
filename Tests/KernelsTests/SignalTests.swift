import Foundation
import Kernels
import Synchronization
import TestSupport
import Testing

private let handledSignals = Atomic<Int>(0)

/// Products on a thread that handles signals all the while: requests to stop, profilers.
@Suite(.serialized) struct SignalTests {
    /// Rows, columns, inner. oneDNN's float32 kernel works on the heap for some of them.
    private static let extents = [(12, 16, 73), (192, 64, 96), (130, 65, 40), (7, 130, 300)]

    private final class Target: Sendable {
        let thread = Mutex<pthread_t?>(nil)
        let isDone = Atomic<Bool>(false)
        let mayEnd = DispatchSemaphore(value: 0)
    }

    @Test(arguments: ElementType.all)
    func productsAreTheSameWithSignals(type: ElementType) {
        let quiet = Self.products(type)
        let before = handledSignals.load(ordering: .relaxed)
        let target = Target()
        let differing = Mutex(0)
        // A thread of its own: those of the test runner block signals.
        let thread = Thread {
            Self.takeSignals()
            target.thread.withLock { $0 = pthread_self() }
            for _ in 0..<200 where Self.products(type) != quiet { differing.withLock { $0 += 1 } }
            target.isDone.store(true, ordering: .releasing)
            target.mayEnd.wait()
        }
        thread.start()
        while !target.isDone.load(ordering: .acquiring) {
            if let id = target.thread.withLock({ $0 }) { pthread_kill(id, SIGUSR2) }
            usleep(20)
        }
        target.mayEnd.signal()
        #expect(differing.withLock { $0 } == 0)
        #expect(handledSignals.load(ordering: .relaxed) - before > 20)
    }

    /// Lets this thread handle SIGUSR2, by a handler that does nothing else than count.
    private static func takeSignals() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in handledSignals.add(1, ordering: .relaxed) }
        action.sa_flags = SA_RESTART
        sigaction(SIGUSR2, &action, nil)
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
    }

    private static func products(_ type: ElementType) -> [Float] {
        let workspace = Workspace(threads: 1)
        var numbers = TestNumbers("signals")
        return extents.flatMap { rows, columns, inner in
            let a = workspace.buffer(numbers.array(rows * inner), type)
            let b = workspace.buffer(numbers.array(inner * columns), type)
            let c = workspace.buffer(rows * columns, .float32)
            workspace.matrices.multiply(
                MatrixProduct(rows: rows, columns: columns, inner: inner), a, b, into: c)
            return workspace.numbers(c, count: rows * columns)
        }
    }
}
