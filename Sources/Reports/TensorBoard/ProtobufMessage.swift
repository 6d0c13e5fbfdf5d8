package import Foundation

/// A protocol buffers message in its wire format, field by field.
///
/// Source: protobuf.dev, "Encoding". Only what event files need: whole numbers, floats, texts, messages.
package struct ProtobufMessage: Sendable {
    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    package private(set) var bytes = Data()

    package init() {}

    /// A whole number; a negative one takes ten bytes, as int32 and int64 have it.
    package mutating func add(_ field: Int, _ value: Int) {
        addKey(field, .varint)
        addVarint(UInt64(bitPattern: Int64(value)))
    }

    package mutating func add(_ field: Int, _ value: Bool) { add(field, value ? 1 : 0) }

    package mutating func add(_ field: Int, _ value: Double) {
        addKey(field, .fixed64)
        bytes.append(littleEndian: value.bitPattern)
    }

    package mutating func add(_ field: Int, _ value: Float) {
        addKey(field, .fixed32)
        bytes.append(littleEndian: value.bitPattern)
    }

    package mutating func add(_ field: Int, _ value: String) { add(field, Data(value.utf8)) }

    package mutating func add(_ field: Int, _ value: ProtobufMessage) { add(field, value.bytes) }

    package mutating func add(_ field: Int, _ value: Data) {
        addKey(field, .lengthDelimited)
        addVarint(UInt64(value.count))
        bytes.append(value)
    }

    private mutating func addKey(_ field: Int, _ type: WireType) {
        addVarint(UInt64(field) << 3 | type.rawValue)
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    private mutating func addVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

extension Data {
    /// Adds an integer's bytes, the lowest first.
    mutating func append(littleEndian value: some FixedWidthInteger) {
        for place in stride(from: 0, to: value.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> place))
        }
    }
}
