import Foundation
import Testing

/// A reader of event files by the formats' descriptions, sharing nothing with their writer: checksums are
/// computed bit by bit over the data's own order of bits, fields are found by walking the wire format.
struct EventFileReader {
    /// A field of a message by its number and wire type.
    struct Field {
        let number: Int
        /// The value of a number, its bits where it is a float.
        var bits: UInt64 = 0
        /// A text's or a message's bytes.
        var bytes: [UInt8] = []

        var text: String { String(decoding: bytes, as: UTF8.self) }
        var fields: [Field] { get throws { try EventFileReader.fields(bytes) } }
    }

    /// The events' fields.
    let events: [[Field]]

    init(_ data: Data) throws {
        var rest = [UInt8](data)[...]
        var events: [[Field]] = []
        while !rest.isEmpty {
            try #require(rest.count >= 16, "a record is torn")
            let head = Array(rest.prefix(8))
            let count = Int(Self.integer(head))
            #expect(Self.integer(Array(rest.dropFirst(8).prefix(4))) == Self.masked(head))
            try #require(rest.count >= 16 + count, "a record is torn")
            let body = Array(rest.dropFirst(12).prefix(count))
            #expect(
                Self.integer(Array(rest.dropFirst(12 + count).prefix(4))) == Self.masked(body))
            events.append(try Self.fields(body))
            rest = rest.dropFirst(16 + count)
        }
        self.events = events
    }

    private static func integer(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Division of the message, its bits from the lowest of each byte on, by Castagnoli's polynomial
    /// 0x1EDC6F41 as RFC 3720, appendix B.4 writes it.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var remainder = UInt32.max
        for byte in bytes {
            for place in 0..<8 {
                let isSet = (UInt32(byte >> place) & 1) ^ (remainder >> 31) == 1
                remainder = remainder << 1 ^ (isSet ? 0x1EDC_6F41 : 0)
            }
        }
        let reflected = (0..<32).reduce(UInt32(0)) { $0 << 1 | (remainder >> $1 & 1) }
        return ~reflected
    }

    private static func masked(_ bytes: [UInt8]) -> UInt64 {
        let checksum = UInt64(checksum(bytes))
        let rotated = (checksum / 32768 + checksum * 131_072) % 4_294_967_296
        return (rotated + 2_726_488_792) % 4_294_967_296
    }

    static func fields(_ bytes: [UInt8]) throws -> [Field] {
        var fields: [Field] = []
        var place = 0
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: 0, to: 70, by: 7) {
                try #require(place < bytes.count)
                let byte = bytes[place]
                place += 1
                value |= UInt64(byte & 0x7F) << UInt64(shift)
                if byte < 0x80 { break }
            }
            return value
        }
        func take(_ count: Int) throws -> [UInt8] {
            try #require(place + count <= bytes.count)
            defer { place += count }
            return Array(bytes[place..<(place + count)])
        }
        while place < bytes.count {
            let key = try varint()
            var field = Field(number: Int(key >> 3))
            switch key & 7 {
            case 0: field.bits = try varint()
            case 1: field.bits = integer(try take(8))
            case 5: field.bits = integer(try take(4))
            case 2: field.bytes = try take(Int(varint()))
            default: Issue.record("wire type \(key & 7)")
            }
            fields.append(field)
        }
        return fields
    }
}

extension [EventFileReader.Field] {
    /// The last field of a number.
    subscript(field number: Int) -> EventFileReader.Field? { last { $0.number == number } }

    func all(_ number: Int) -> [EventFileReader.Field] { filter { $0.number == number } }
}
