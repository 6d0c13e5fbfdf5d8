import Foundation
import Synchronization

/// SIGINT (Ctrl-C) in a conversation: the first one during an answer stops that answer; one at any
/// other time, and a second one during an answer, end the process as they do by default.
enum AnswerInterruption {
    private static let idle = 0
    private static let answering = 1
    private static let stopped = 2
    /// One of the above. A signal's handler may do no more than read and change it.
    private static let state = Atomic<Int>(0)

    /// Takes SIGINT over from what it did before, even where the shell had it ignored.
    static func listen() {
        // Made now, so that the handler need not.
        state.store(idle, ordering: .relaxed)
        signal(SIGINT) { _ in
            let isDuringAnswer = AnswerInterruption.state.compareExchange(
                expected: AnswerInterruption.answering, desired: AnswerInterruption.stopped,
                ordering: .relaxed
            ).exchanged
            guard !isDuringAnswer else { return }
            // It takes effect when this handler returns, and a shell sees the same as without one.
            signal(SIGINT, SIG_DFL)
            raise(SIGINT)
        }
    }

    /// An answer begins, which a signal is to stop.
    static func begin() { state.store(answering, ordering: .relaxed) }

    /// Whether the answer is to stop.
    static var isStopped: Bool { state.load(ordering: .relaxed) == stopped }

    /// The answer has ended. → whether a signal came before.
    static func end() -> Bool { state.exchange(idle, ordering: .relaxed) == stopped }
}
