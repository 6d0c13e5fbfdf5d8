package import Foundation

/// One POST of JSON to a server and its answer, by HTTP/1.1 without encryption.
package struct HTTPPost: Sendable {
    /// What went wrong.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// Not an http:// address.
        case address(String)
        /// No connection, or one that ended or stood still too soon.
        case connection(String)
        /// An answer that is no HTTP, or another status than 200.
        case answer(String)

        package var description: String {
            switch self {
            case .address(let text), .connection(let text), .answer(let text): text
            }
        }
    }

    private let host: String
    private let port: Int
    private let path: String
    /// Seconds that may pass without a byte.
    private let patience: Int

    /// - Throws: ``Failure/address(_:)`` for what is no http:// address.
    package init(to address: String, patience: Int = 600) throws(Failure) {
        guard let parts = URLComponents(string: address), let host = parts.host, !host.isEmpty,
            parts.scheme?.lowercased() == "http", parts.user == nil
        else {
            throw .address(
                "'\(address)' is no address that can be asked; expected http://HOST[:PORT]/PATH "
                    + "(for https put a proxy of this machine in between)")
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        port = parts.port ?? 80
        let query = parts.percentEncodedQuery.map { "?" + $0 } ?? ""
        path = (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath) + query
        self.patience = patience
    }

    /// The body of the answer.
    package func send(_ body: Data) throws(Failure) -> Data {
        let descriptor = try connect()
        defer { close(descriptor) }
        let head =
            "POST \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nContent-Type: application/json\r\n"
            + "Accept: application/json\r\nContent-Length: \(body.count)\r\n"
            + "Connection: close\r\n\r\n"
        guard ClientConnection.write([UInt8](Data(head.utf8) + body), to: descriptor) else {
            throw .connection("\(host):\(port) ended the connection")
        }
        return try Self.body(of: try read(from: descriptor))
    }

    // MARK: The connection

    private func connect() throws(Failure) -> Int32 {
        do throws(ClientConnection.Failure) {
            return try ClientConnection.open(
                host: host, port: port, .init(sending: patience, receiving: patience))
        } catch {
            switch error {
            case .unknownHost: throw .connection("the host \(host) is not known")
            case .refused(let code):
                throw .connection(
                    "\(host):\(port) takes no connection: \(String(cString: strerror(code)))")
            }
        }
    }

    /// All that comes until the other side ends the connection.
    private func read(from descriptor: Int32) throws(Failure) -> [UInt8] {
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &part, part.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw .connection("\(host):\(port) sent nothing for \(patience) s")
            }
            guard count > 0 else { return answer }
            answer += part[..<count]
            guard answer.count <= Self.longest else {
                throw .answer("\(host):\(port) sent more than \(Self.longest >> 20) MiB")
            }
            if Self.isWhole(answer) { return answer }
        }
    }

    /// More than any list of numbers takes.
    private static let longest = 1 << 28

    // MARK: The answer

    private static func isWhole(_ answer: [UInt8]) -> Bool {
        guard let (head, start) = head(of: answer),
            let length = field("content-length", of: head).flatMap({ Int($0) })
        else { return false }
        return answer.count - start >= length
    }

    /// The lines before the body, and where that begins.
    private static func head(of answer: [UInt8]) -> (lines: [Substring], body: Int)? {
        let end = Array("\r\n\r\n".utf8)
        guard
            let place = answer.indices.first(where: { answer[$0...].starts(with: end) })
        else { return nil }
        let text = String(decoding: answer[..<place], as: UTF8.self)
        return (text.split(separator: "\r\n"), place + end.count)
    }

    private static func field(_ name: String, of lines: [Substring]) -> String? {
        lines.dropFirst().first { $0.lowercased().hasPrefix(name + ":") }
            .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }

    /// The body of a whole answer of status 200.
    ///
    /// - Throws: ``Failure/answer(_:)`` with the status and the beginning of what came with it.
    package static func body(of answer: [UInt8]) throws(Failure) -> Data {
        guard let (lines, start) = head(of: answer), let first = lines.first,
            first.hasPrefix("HTTP/1.")
        else {
            throw .answer("found no HTTP answer but \(answer.count) bytes")
        }
        var body = answer[start...]
        if field("transfer-encoding", of: lines)?.lowercased() == "chunked" {
            body = try unchunked(body)[...]
        } else if let length = field("content-length", of: lines).flatMap({ Int($0) }) {
            guard length >= 0, body.count >= length else {
                throw .connection("the answer ended after \(body.count) of \(length) bytes")
            }
            body = body.prefix(length)
        }
        guard first.split(separator: " ").dropFirst().first == "200" else {
            let text = String(decoding: body.prefix(200), as: UTF8.self)
                .replacing("\n", with: " ")
            throw .answer("found \(first), expected status 200: \(text)")
        }
        return Data(body)
    }

    private static func unchunked(_ bytes: ArraySlice<UInt8>) throws(Failure) -> [UInt8] {
        var (rest, body) = (bytes, [UInt8]())
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: rest[..<end], as: UTF8.self)
            let digits = line.prefix { $0.isHexDigit }
            guard let length = Int(digits, radix: 16) else { break }
            if length == 0 { return body }
            rest = rest[(end + 1)...]
            guard rest.count >= length else { break }
            body += rest.prefix(length)
            // The line's end behind the piece.
            rest = rest.dropFirst(length).drop { $0 == 13 }.dropFirst()
        }
        throw .connection("the answer ended in the middle of a piece")
    }
}
