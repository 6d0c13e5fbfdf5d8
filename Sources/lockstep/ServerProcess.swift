import Foundation
import Serving
import Synchronization

/// A server that runs for as long as its process is wanted.
final class ServerProcess: Sendable {
    /// Seconds that answers in the making get after a signal.
    static let grace = 10.0

    private struct State {
        /// Where clients can connect.
        var port: Int?
        /// What ended the server.
        var outcome: Result<Void, ServingError> = .success(())
    }

    private let server: HTTPServer
    private let state = Mutex(State())
    private let isDecided = DispatchSemaphore(value: 0)
    private let hasEnded = DispatchSemaphore(value: 0)

    init(_ server: HTTPServer) { self.server = server }

    /// Starts the server; waits until clients can connect.
    ///
    /// - Returns: the port; `nil` where it was asked to stop before.
    /// - Throws: ``ServingError`` where the address cannot be had.
    func start() throws(ServingError) -> Int? {
        Task { [self] in
            do throws(ServingError) {
                try await server.run { [self] port in
                    state.withLock { $0.port = port }
                    isDecided.signal()
                }
            } catch {
                state.withLock { $0.outcome = .failure(error) }
            }
            isDecided.signal()
            hasEnded.signal()
        }
        isDecided.wait()
        guard let port = state.withLock(\.port) else {
            try state.withLock(\.outcome).get()
            return nil
        }
        return port
    }

    /// Waits until the server has ended.
    ///
    /// - Throws: ``ServingError`` where it ended by itself.
    func wait() throws(ServingError) {
        hasEnded.wait()
        try state.withLock(\.outcome).get()
    }

    /// Ends the server once its answers in the making are done.
    func stop() { Task { [server] in await server.stop(within: Self.grace) } }

    /// Stops the server at the first of some signals; a second one ends the process at once.
    ///
    /// - Parameter stopping: called at the first, with the seconds there are.
    func stop(
        at numbers: [Int32], _ stopping: @escaping @Sendable (Double) -> Void = { _ in }
    ) {
        let isFirst = Mutex(true)
        for number in numbers {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler keeps its source, and so this object, for as long as the process lives.
            source.setEventHandler { [self] in
                _ = source
                let asks = isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst
                }
                guard asks else { exit(128 + number) }
                Thread.detachNewThread { stopping(Self.grace) }
                stop()
            }
            source.resume()
        }
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Parameters:
    ///   - listening: called with the port once clients can connect.
    ///   - stopping: called when a signal has come, with the seconds there are.
    /// - Throws: ``ServingError``.
    static func run(
        _ server: HTTPServer, listening: (Int) -> Void,
        stopping: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws(ServingError) {
        let process = ServerProcess(server)
        process.stop(at: [SIGTERM, SIGINT], stopping)
        if let port = try process.start() { listening(port) }
        try process.wait()
    }
}
