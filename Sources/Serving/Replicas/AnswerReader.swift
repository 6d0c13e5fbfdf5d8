import Foundation

/// Reads an answer of HTTP/1.1 as its bytes come.
///
/// Source: RFC 9112, sections 2.1, 6 and 7.1. Answers without a length end with the connection.
package struct AnswerReader {
    /// What has come.
    package enum Part: Equatable, Sendable {
        /// Names in small letters.
        case head(status: Int, headers: [String: String])
        /// Some of the body, at least a byte.
        case body([UInt8])
        /// All of it has been read.
        case end
    }

    /// What is expected next.
    private enum Place {
        case head
        /// So many bytes of the body; `nil`: all until the connection ends.
        case body(Int?)
        /// The line with a chunk's length.
        case chunkLength
        /// So many bytes of a chunk, and the end of its line.
        case chunk(Int)
        /// The lines behind the last chunk.
        case trailer
        case end
    }

    private var place = Place.head
    private var bytes: [UInt8] = []

    package init() {}

    /// Bytes of a head, or of a line between chunks, at most.
    private static let longestLine = 1 << 16

    /// What some more bytes bring; `nil` where they are no answer of HTTP/1.1.
    package mutating func read(_ more: some Collection<UInt8>) -> [Part]? {
        bytes += more
        var parts: [Part] = []
        while true {
            switch place {
            case .head:
                guard let head = take(through: "\r\n\r\n") else { return waiting(parts) }
                guard let part = begin(head) else { return nil }
                parts.append(part)
            case .body(let left):
                let piece = take(upTo: left ?? bytes.count)
                if !piece.isEmpty { parts.append(.body(piece)) }
                if let left { place = .body(left - piece.count) }
                guard left == piece.count else { return parts }
                place = .end
                parts.append(.end)
            case .chunkLength:
                guard let line = take(through: "\r\n") else { return waiting(parts) }
                let digits = String(decoding: line, as: UTF8.self).prefix { $0.isHexDigit }
                guard let length = Int(digits, radix: 16) else { return nil }
                place = length == 0 ? .trailer : .chunk(length)
            case .chunk(let left):
                let piece = take(upTo: left)
                if !piece.isEmpty { parts.append(.body(piece)) }
                place = .chunk(left - piece.count)
                guard left == piece.count else { return parts }
                guard bytes.count >= 2 else { return parts }
                bytes.removeFirst(2)
                place = .chunkLength
            case .trailer:
                guard let line = take(through: "\r\n") else { return waiting(parts) }
                guard line.isEmpty else { continue }
                place = .end
                parts.append(.end)
            case .end: return parts
            }
        }
    }

    /// Whether the answer is whole if nothing more comes.
    package var isWhole: Bool {
        switch place {
        case .end, .body(nil): true
        default: false
        }
    }

    /// The parts so far, unless a line has become too long.
    private func waiting(_ parts: [Part]) -> [Part]? {
        bytes.count <= Self.longestLine ? parts : nil
    }

    /// The bytes before a mark, which go with it; `nil` while it has not come.
    private mutating func take(through mark: String) -> [UInt8]? {
        let mark = Array(mark.utf8)
        let starts = bytes.indices.dropLast(mark.count - 1)
        guard let start = starts.first(where: { bytes[$0...].starts(with: mark) }) else {
            return nil
        }
        let taken = Array(bytes[..<start])
        bytes.removeFirst(start + mark.count)
        return taken
    }

    private mutating func take(upTo count: Int) -> [UInt8] {
        let taken = Array(bytes.prefix(count))
        bytes.removeFirst(taken.count)
        return taken
    }

    /// Reads a head; `nil` where it is none.
    private mutating func begin(_ head: [UInt8]) -> Part? {
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            return nil
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        if headers["transfer-encoding"]?.lowercased() == "chunked" {
            place = .chunkLength
        } else {
            let length = headers["content-length"].flatMap { Int($0) }
            guard length ?? 0 >= 0 else { return nil }
            place = .body(length)
        }
        return .head(status: status, headers: headers)
    }
}
