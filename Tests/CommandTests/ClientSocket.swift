import Foundation

/// A connection to a server of this machine, byte by byte.
final class ClientSocket {
    private let descriptor: Int32

    struct Failure: Error { let code: Int32 }

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, size)
            }
        }
        guard status == 0 else { throw Failure(code: errno) }
        // Longer than a busy machine takes for any answer of these tests.
        var limit = timeval(tv_sec: 100, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Foundation.close(descriptor) }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        // Without the signal that a write to a closed connection brings.
        let count = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard count == bytes.count else {
            throw Failure(code: errno)
        }
    }

    /// Whether something has come that was not read.
    var hasAnswer: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) > 0
    }

    /// What has come by now, at least a byte; empty where the server has hung up.
    func read() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Foundation.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw Failure(code: errno) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// One whole answer, which says its length; what has come of it where the server has hung up.
    func readAnswer() throws -> String {
        var answer = ""
        while true {
            let parts = answer.split(
                separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
            let length = parts[0].lowercased().split(separator: "\r\n")
                .first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst("content-length:".count).drop { $0 == " " }) }
            if parts.count == 2, let length, parts[1].utf8.count >= length { return answer }
            let piece = try read()
            guard !piece.isEmpty else { return answer }
            answer += piece
        }
    }

    /// All that comes until the server hangs up.
    func readToEnd() throws -> String {
        var all = ""
        while case let piece = try read(), !piece.isEmpty { all += piece }
        return all
    }

    func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
