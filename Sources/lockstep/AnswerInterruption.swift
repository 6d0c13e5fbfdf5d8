import Foundation
import Synchronization

/// SIGINT (Ctrl-C) in a conversation: the first one during an answer stops that answer; one at any
/// other time, and a second one during an answer, end the process as they do by default.
final class AnswerInterruption: Sendable {
    private enum State {
        case idle, answering, stopped
    }

    private let state = Mutex(State.idle)

    /// Takes SIGINT over from its default action.
    func listen() {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        // The handler keeps its source, and so this object, for as long as the process lives.
        source.setEventHandler { [self] in
            _ = source
            let isDuringAnswer = state.withLock { state in
                guard state == .answering else { return false }
                state = .stopped
                return true
            }
            if !isDuringAnswer { Self.endProcess() }
        }
        source.resume()
    }

    /// An answer begins, which a signal is to stop.
    func begin() { state.withLock { $0 = .answering } }

    /// Whether the answer is to stop.
    var isStopped: Bool { state.withLock { $0 == .stopped } }

    /// The answer has ended. → whether a signal came before.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .idle }
            return state == .stopped
        }
    }

    /// Dies of SIGINT, so that a shell sees the same as without a handler.
    private static func endProcess() {
        signal(SIGINT, SIG_DFL)
        // Dispatch blocks the signals that it handles.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(SIGINT)
    }
}
