/// A metadata value of a GGUF file.
package enum GGUFValue: Equatable, Sendable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case uint64(UInt64)
    case int64(Int64)
    case float32(Float)
    case float64(Double)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)

    /// The types of values; raw values are the file's.
    package enum Kind: UInt32, Sendable {
        case uint8 = 0
        case int8 = 1
        case uint16 = 2
        case int16 = 3
        case uint32 = 4
        case int32 = 5
        case float32 = 6
        case bool = 7
        case string = 8
        case array = 9
        case uint64 = 10
        case int64 = 11
        case float64 = 12

        /// Bytes of a value; of strings and arrays, the fewest.
        var leastBytes: Int {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .uint64, .int64, .float64, .string: 8
            case .array: 12
            }
        }
    }

    package var kind: Kind {
        switch self {
        case .uint8: .uint8
        case .int8: .int8
        case .uint16: .uint16
        case .int16: .int16
        case .uint32: .uint32
        case .int32: .int32
        case .uint64: .uint64
        case .int64: .int64
        case .float32: .float32
        case .float64: .float64
        case .bool: .bool
        case .string: .string
        case .array: .array
        }
    }

    /// An array of values of one kind.
    package static func array(_ kind: Kind, _ values: [GGUFValue]) -> GGUFValue {
        .array(GGUFArray(kind, values))
    }

    /// An array of strings.
    package static func strings(_ values: [String]) -> GGUFValue {
        .array(.string, values.map { .string($0) })
    }

    /// An array of 32-bit integers.
    package static func int32s(_ values: [Int32]) -> GGUFValue {
        .array(.int32, values.map { .int32($0) })
    }

    /// An array of float32 numbers.
    package static func floats(_ values: [Float]) -> GGUFValue {
        .array(.float32, values.map { .float32($0) })
    }
}

extension GGUFValue {
    /// An integer of any width; `nil` for other kinds and beyond `Int`.
    package var integer: Int? {
        switch self {
        case .uint8(let value): Int(value)
        case .int8(let value): Int(value)
        case .uint16(let value): Int(value)
        case .int16(let value): Int(value)
        case .uint32(let value): Int(value)
        case .int32(let value): Int(value)
        case .uint64(let value): Int(exactly: value)
        case .int64(let value): Int(value)
        default: nil
        }
    }

    /// A number of any kind.
    package var number: Double? {
        switch self {
        case .float32(let value): Double(value)
        case .float64(let value): value
        default: integer.map(Double.init)
        }
    }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// An array of any kind.
    package var array: GGUFArray? {
        guard case .array(let array) = self else { return nil }
        return array
    }

    /// An array of strings; `nil` where an element is something else.
    package var strings: [String]? { array?.strings }

    /// An array of integers of any width.
    package var integers: [Int]? { array?.integers }

    /// An array of numbers of any kind.
    package var numbers: [Double]? { array?.numbers }
}
