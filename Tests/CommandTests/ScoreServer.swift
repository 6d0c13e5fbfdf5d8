import Foundation

/// A server of this process that gives each text the number of its characters, as `reward_model_type: api` asks.
final class ScoreServer: @unchecked Sendable {
    let port: Int
    private let listener: Int32
    private let lock = NSLock()
    private var bodies: [String] = []

    /// The requests' bodies so far.
    var requests: [String] { lock.withLock { bodies } }

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(.EADDRNOTAVAIL) }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in serve() }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            answer(connection)
            close(connection)
        }
    }

    private func answer(_ connection: Int32) {
        var request: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        var body: String?
        while body == nil {
            let count = recv(connection, &part, part.count, 0)
            guard count > 0 else { return }
            request += part[..<count]
            let text = String(decoding: request, as: UTF8.self)
            let halves = text.components(separatedBy: "\r\n\r\n")
            let length = halves[0].split(separator: "\r\n")
                .first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) }
            if halves.count > 1, let length, halves[1].utf8.count >= length { body = halves[1] }
        }
        guard let body,
            let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any],
            let texts = object["messages"] as? [String]
        else { return }
        lock.withLock { bodies.append(body) }
        let scores = texts.map { "\(Double($0.count) / 100)" }.joined(separator: ", ")
        let answer = "{\"scores\": [\(scores)]}"
        let bytes = Array(
            "HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\n\r\n\(answer)".utf8)
        _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
