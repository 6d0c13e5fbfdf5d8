import Foundation
import Serving
import Synchronization
import Testing

/// A server that is stopped while clients come.
@Suite struct ServerStopTests {
    /// Connects to a port again and again, and hangs up each time, until it is let go of.
    private final class Knocking: Sendable {
        private let isOver = Mutex(false)

        init(port: Int) {
            Thread.detachNewThread { [self] in
                while !isOver.withLock(\.self) { Self.knock(port) }
            }
        }

        func end() { isOver.withLock { $0 = true } }

        private static func knock(_ port: Int) {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            close(descriptor)
        }
    }

    /// A connection that comes in while the server stops ended the process: nobody was left to take it.
    @Test func aServerMayBeStoppedWhileClientsConnect() async throws {
        for _ in 0..<40 {
            let server = HTTPServer(try ServerAddress(environment: ["API_PORT": "0"]), routes: [])
            let (ports, line) = AsyncStream.makeStream(of: Int.self)
            async let run: Void = server.run { line.yield($0) }
            for await port in ports {
                let knocking = Knocking(port: port)
                try await Task.sleep(for: .milliseconds(5))
                await server.stop(within: 0)
                try await run
                knocking.end()
                break
            }
        }
    }
}
