import Foundation
import Synchronization

/// A sign of life from every rank, every second, outside MPI.
///
/// A thread of its own sends UDP datagrams to the watchers, ranks 0 and 1: so it speaks while the
/// step computes, while MPI is stuck, and is silent when the process is stopped. Rank 0 judges all
/// ranks; rank 1 speaks only when rank 0 itself has fallen silent.
package final class Heartbeat: Sendable {
    /// What a watcher does with what it found out.
    package struct Response: Sendable {
        /// Called with a line for the user.
        package var warn: @Sendable (String) -> Void
        /// Called when the run must end.
        package var end: @Sendable (String) -> Void

        package init(
            warn: @escaping @Sendable (String) -> Void, end: @escaping @Sendable (String) -> Void
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
        var isStopped = false
    }

    private let communicator: any Communicator
    private let settings: HeartbeatSettings
    private let response: Response
    private let state: Mutex<State>

    /// Starts the heartbeat; collective. A run of one process has none.
    /// - Throws: ``CommunicationError/system(call:code:purpose:)`` where no socket can be opened, on
    ///   that rank, and ``CommunicationError/agreed(message:rank:host:)`` on all.
    package init(
        communicator: any Communicator, settings: HeartbeatSettings, response: Response? = nil
    ) throws(CommunicationError) {
        self.communicator = communicator
        self.settings = settings
        self.response = response ?? Self.standardResponse(communicator)
        state = Mutex(State(since: Machine.seconds()))
        guard communicator.size > 1 else { return }

        var socket: DatagramSocket?
        var problem: String?
        do throws(CommunicationError) {
            socket = try DatagramSocket()
        } catch {
            problem = error.description
        }
        try communicator.agree(on: problem)
        guard let socket else { return }
        let cards = try communicator.allGather(Self.card(of: socket))
        let run = try Self.agreeOnRun(communicator)
        let watchers = [0, 1].filter { $0 != communicator.rank }.flatMap {
            Self.endpoints(
                card: cards[$0],
                isLocal: communicator.hostNames[$0] == communicator.hostName)
        }
        let thread = Thread { self.beat(socket: socket, run: run, watchers: watchers) }
        thread.name = "heartbeat"
        thread.start()
    }

    /// Says where this rank is now. Cheap enough for every micro-batch.
    package func enter(_ phase: Phase, step: Int) {
        let now = Machine.seconds()
        state.withLock {
            $0.step = step
            $0.phase = phase
            $0.since = now
            $0.progress += 1
        }
    }

    /// Ends the heartbeat of this rank; nobody waits for it from then on.
    package func stop() {
        state.withLock {
            $0.phase = .finished
            $0.progress += 1
            $0.isStopped = true
        }
    }

    private static func standardResponse(_ communicator: any Communicator) -> Response {
        Response(
            warn: { FatalExit.write("lockstep: \($0)") },
            end: {
                FatalExit.alone(
                    communicator, step: nil, cause: "the run stands still: \($0)",
                    advice: "look after that host, then run again to resume from the last "
                        + "checkpoint (ddp_timeout sets how long to wait)")
            })
    }

    // MARK: The heartbeat thread

    private func beat(socket: DatagramSocket, run: UInt64, watchers: [Endpoint]) {
        let rank = communicator.rank
        var detector =
            rank < 2
            ? StallDetector(
                hosts: communicator.hostNames, settings: settings, now: Machine.seconds()) : nil
        var lastFromFirst = Machine.seconds()
        while true {
            let (message, isStopped) = message()
            let bytes = message.encoded(run: run)
            for watcher in watchers { socket.send(bytes, to: watcher) }
            detector?.record(message, at: Machine.seconds())

            let next = Machine.seconds() + settings.periodSeconds
            while case let left = next - Machine.seconds(), left > 0 {
                guard let datagram = socket.receive(milliseconds: Int32(left * 1000) + 1),
                    let message = HeartbeatMessage(
                        datagram, run: run, size: communicator.size)
                else { continue }
                detector?.record(message, at: Machine.seconds())
                if message.rank == 0 { lastFromFirst = Machine.seconds() }
            }
            if isStopped { return }
            let isFirstSilent =
                Machine.seconds() - lastFromFirst > max(3 * settings.periodSeconds, 3)
            guard rank == 0 || isFirstSilent else { continue }
            switch detector?.check(at: Machine.seconds()) {
            case .warning(let text): response.warn(text)
            case .timeout(let text): response.end(text)
            case nil: continue
            }
        }
    }

    private func message() -> (HeartbeatMessage, isStopped: Bool) {
        let activity = communicator.activity
        return state.withLock {
            let message = HeartbeatMessage(
                rank: communicator.rank, step: $0.step, phase: $0.phase,
                secondsInPhase: Machine.seconds() - $0.since, progress: $0.progress,
                collectives: activity.collectives, isWaiting: activity.isCallerWaiting)
            return (message, $0.isStopped)
        }
    }

    // MARK: Addresses

    /// A socket's addresses as text: `port address address …`.
    private static func card(of socket: DatagramSocket) -> String {
        ([UInt32(socket.port)] + Endpoint.localAddresses().prefix(8)).map { String($0) }
            .joined(separator: " ")
    }

    /// Where to send for a rank: loopback on this host, else every address it has. Which of them
    /// leads there from here is not known, and a datagram a second is nothing.
    private static func endpoints(card: String, isLocal: Bool) -> [Endpoint] {
        let numbers = card.split(separator: " ").compactMap { UInt32($0) }
        guard let port = numbers.first.flatMap({ UInt16(exactly: $0) }) else { return [] }
        if isLocal { return [Endpoint(address: Endpoint.loopback, port: port)] }
        return numbers.dropFirst().map { Endpoint(address: $0, port: port) }
    }

    /// A number that tells this run's datagrams from others'.
    private static func agreeOnRun(
        _ communicator: any Communicator
    ) throws(CommunicationError) -> UInt64 {
        var hash = Fingerprint("\(communicator.hostName) \(getpid())")
        hash.add(Machine.seconds().bitPattern)
        let texts = try communicator.allGather(hash.text)
        return Fingerprint(texts[0]).value
    }
}
