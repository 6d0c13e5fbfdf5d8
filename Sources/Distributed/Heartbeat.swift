import Foundation
import Synchronization

/// A sign of life from every rank, every second, outside MPI.
///
/// A thread of its own speaks to the watchers, ranks 0 and 1: so it speaks while the step computes
/// and while MPI is stuck, is silent when the process is stopped, and is cut off when it dies. Rank
/// 0 judges all ranks; rank 1 speaks only when rank 0 itself is silent or gone.
package final class Heartbeat: Sendable {
    /// What a rank does with what it found out.
    package struct Response: Sendable {
        /// Called with a line for the user.
        package var warn: @Sendable (String) -> Void
        /// Called when this process must end; without a line where another rank prints it.
        package var end: @Sendable (String?) -> Void

        package init(
            warn: @escaping @Sendable (String) -> Void, end: @escaping @Sendable (String?) -> Void
        ) {
            self.warn = warn
            self.end = end
        }
    }

    private struct State {
        var step = 0
        var phase = Phase.starting
        var since: Double
        var progress = 0
    }

    private let communicator: any Communicator
    private let settings: HeartbeatSettings
    private let response: Response
    private let state: Mutex<State>
    private let links: HeartbeatLinks?
    private let hasMetWatchers = DispatchSemaphore(value: 0)
    private let hasEnded = DispatchSemaphore(value: 0)
    private let hasLosses = Atomic<Bool>(false)

    /// Seconds that a run's start waits for the watchers to hear every rank: far more than a loaded
    /// machine needs. Where TCP between the hosts is blocked, the run goes on without.
    private static let meetingSeconds = 10.0

    /// Starts the heartbeat; collective. A run of one process has none.
    ///
    /// When it returns, both watchers have heard every rank: one that is lost at once is missed.
    /// - Throws: ``CommunicationError/agreed(message:rank:host:)`` where a rank cannot open a socket.
    package init(
        communicator: any Communicator, settings: HeartbeatSettings, response: Response? = nil
    ) throws(CommunicationError) {
        self.communicator = communicator
        self.settings = settings
        self.response = response ?? Self.standardResponse(communicator)
        state = Mutex(State(since: Machine.seconds()))
        links = communicator.size > 1 ? try HeartbeatLinks(communicator) : nil
        guard let links else { return }
        let thread = Thread { [self] in
            beat(links)
            hasEnded.signal()
        }
        thread.name = "heartbeat"
        thread.start()
        _ = hasMetWatchers.wait(timeout: .now() + Self.meetingSeconds)
        try communicator.barrier()
    }

    /// Says where this rank is now. Cheap enough for every micro-batch.
    package func enter(_ phase: Phase, step: Int) {
        let now = Machine.seconds()
        state.withLock {
            guard !$0.phase.isOver else { return }
            $0.step = step
            $0.phase = phase
            $0.since = now
            $0.progress += 1
        }
    }

    /// Whether this rank is at work and, as far as it knows, all others are.
    package var isWhole: Bool { !isOver && !hasLosses.load(ordering: .relaxed) }

    /// Says good-bye: from then on nobody waits for this rank or misses it.
    /// - Parameter failed: Whether this rank prints an error of its own and takes the run with it:
    ///   call it before ``FatalExit``, so that no other rank reports the loss.
    package func stop(failed: Bool = false) {
        let isFirst = state.withLock {
            let isFirst = !$0.phase.isOver
            if isFirst { $0.phase = failed ? .failed : .finished }
            return isFirst
        }
        guard isFirst, let links else { return }
        links.wake()
        // The thread may be in the middle of a connection that does not come about.
        _ = hasEnded.wait(timeout: .now() + 2)
    }

    private static func standardResponse(_ communicator: any Communicator) -> Response {
        Response(
            warn: { FatalExit.write("lockstep: \($0)") },
            end: { cause in
                guard let cause else { FatalExit.exitNow(.failed) }
                FatalExit.alone(
                    communicator, step: nil, cause: cause, advice: "")
            })
    }

    // MARK: The heartbeat thread

    private func beat(_ links: HeartbeatLinks) {
        var detector = StallDetector(
            hosts: communicator.hostNames, settings: settings, now: Machine.seconds())
        var isMeeting = true
        while true {
            links.connect()
            let message = message()
            links.send(message, toAll: message.phase.isOver)
            if message.phase.isOver { return }
            detector.record(message, at: Machine.seconds())

            let next = Machine.seconds() + settings.periodSeconds
            while case let left = next - Machine.seconds(), left > 0, !isOver {
                let moment = detector.hasLosses ? min(left, settings.lossDelay) : left
                for event in links.wait(seconds: moment) {
                    switch event {
                    case .message(let message): detector.record(message, at: Machine.seconds())
                    case .closed(let rank): detector.recordLoss(of: rank, at: Machine.seconds())
                    }
                }
                if isMeeting, links.areWelcomed {
                    isMeeting = false
                    hasMetWatchers.signal()
                }
                if detector.hasLosses { hasLosses.store(true, ordering: .relaxed) }
                judge(&detector, links)
            }
        }
    }

    /// Says what there is to say, if it is for this rank to say it.
    private func judge(_ detector: inout StallDetector, _ links: HeartbeatLinks) {
        let now = Machine.seconds()
        let rank = communicator.rank
        let isFirstSilent = detector.silence(of: 0, at: now) ?? 0 > settings.silenceSeconds
        let isFirstLost = detector.hasLost(0)
        if rank == 1 && !isFirstLost && (!isFirstSilent || detector.hasFinished(0)) { return }
        if rank > 1 && !isFirstLost { return }
        switch detector.check(at: now) {
        case .warning(let text) where rank < 2: response.warn(text)
        case .end(let text):
            var farewell = message()
            farewell.phase = .failed
            links.send(farewell, toAll: true)
            response.end(rank < 2 ? text : nil)
        default: return
        }
    }

    private var isOver: Bool { state.withLock { $0.phase.isOver } }

    private func message() -> HeartbeatMessage {
        let activity = communicator.activity
        return state.withLock {
            HeartbeatMessage(
                rank: communicator.rank, step: $0.step, phase: $0.phase,
                secondsInPhase: Machine.seconds() - $0.since, progress: $0.progress,
                collectives: activity.collectives, isWaiting: activity.isCallerWaiting)
        }
    }
}
