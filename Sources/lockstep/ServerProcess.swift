import Foundation
import Serving
import Synchronization

/// Runs a server for as long as the process is wanted.
enum ServerProcess {
    /// Seconds that answers in the making get after a signal.
    static let grace = 10.0

    /// Serves until SIGTERM or SIGINT; a second signal ends it at once.
    ///
    /// - Parameters:
    ///   - listening: called with the port once clients can connect.
    ///   - stopping: called when a signal has come, with the seconds there are.
    /// - Throws: ``ServingError``.
    static func run(
        _ server: HTTPServer, listening: @escaping @Sendable (Int) -> Void,
        stopping: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws(ServingError) {
        let signals = signals {
            Thread.detachNewThread { stopping(grace) }
            Task { await server.stop(within: grace) }
        }
        defer { for signal in signals { signal.cancel() } }
        let result = Mutex<Result<Void, ServingError>>(.success(()))
        let ended = DispatchSemaphore(value: 0)
        Task {
            do throws(ServingError) {
                try await server.run(listening: listening)
            } catch {
                result.withLock { $0 = .failure(error) }
            }
            ended.signal()
        }
        ended.wait()
        try result.withLock { $0 }.get()
    }

    private static func signals(
        _ first: @escaping @Sendable () -> Void
    ) -> [any DispatchSourceSignal] {
        let count = Mutex(0)
        return [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                let times = count.withLock { count in
                    count += 1
                    return count
                }
                if times == 1 { first() } else { exit(128 + number) }
            }
            source.resume()
            return source
        }
    }
}
