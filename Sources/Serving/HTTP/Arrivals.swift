import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// Connections on their way from the socket that listens to whoever answers them.
///
/// Where the taker's task is cancelled or the socket is closed before a connection has been handed over,
/// SwiftNIO takes the dropped connection for a mistake of the program and ends the process. So a server
/// that stops accepts nothing more first, then lets what has come be taken, and closes the socket last.
final class Arrivals: Sendable {
    private struct State {
        var listening: (any Channel)?
        var isOver = false
        /// Connections that were accepted and that nobody has taken yet.
        var waiting = 0
    }

    private let state = Mutex(State())

    fileprivate var isOver: Bool { state.withLock(\.isOver) }

    func begin(_ channel: any Channel) { state.withLock { $0.listening = channel } }

    fileprivate func count(_ change: Int) { state.withLock { $0.waiting += change } }

    /// Stops accepting, waits until every connection has been taken, a second at most, and closes the
    /// socket.
    func end() async {
        let channel = state.withLock { state in
            state.isOver = true
            return state.listening
        }
        try? await channel?.setOption(.autoRead, value: false).get()
        let end = ContinuousClock.now + .seconds(1)
        while state.withLock({ $0.waiting > 0 }), ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(2))
        }
        try? await channel?.close()
    }
}

/// Decides whether a further connection is accepted, and counts it among the ``Arrivals``.
struct Admission: AvailableConnectionsDelegate {
    let arrivals: Arrivals
    /// Connections at the same time.
    let limit: Int
    private var count = 0

    init(_ arrivals: Arrivals, limit: Int) {
        self.arrivals = arrivals
        self.limit = limit
    }

    mutating func connectionOpened() {
        count += 1
        arrivals.count(1)
    }

    mutating func connectionClosed() { count -= 1 }

    func isAcceptingNewConnections() -> Bool { count < limit && !arrivals.isOver }
}

/// HTTP/1 over connections that leave the ``Arrivals`` when they are taken.
struct CountedChannel: ServerChildChannel {
    let base: HTTP1Channel
    let arrivals: Arrivals

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let value = base.setup(channel: channel, logger: logger)
        value.whenFailure { _ in arrivals.count(-1) }
        return value
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        arrivals.count(-1)
        await base.handle(value: value, logger: logger)
    }
}
