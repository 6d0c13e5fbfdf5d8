/// A type of a column (Schema.fbs, union Type).
enum ArrowType: Equatable {
    case null, bool, structure, map, textView, binaryView, runEndEncoded
    case integer(bits: Int, isSigned: Bool)
    case floatingPoint(bits: Int)
    case text(offsetBits: Int)
    case binary(offsetBits: Int)
    case fixedSizeBinary(bytes: Int)
    case decimal(bits: Int, scale: Int)
    case date(bits: Int)
    case time(TimeUnit, bits: Int)
    case timestamp(TimeUnit, zone: String?)
    case duration(TimeUnit)
    case interval
    case list(offsetBits: Int)
    case listView(offsetBits: Int)
    case fixedSizeList(count: Int)
    case union(isDense: Bool)

    /// Buffers of a column of the type, without its children's (Columnar.rst, "Buffer Listing for Each
    /// Layout"); views have further ones. Unions of metadata V4 have a bitmap besides.
    var buffers: Int {
        switch self {
        case .null, .runEndEncoded: 0
        case .structure, .fixedSizeList: 1
        case .text, .binary, .listView: 3
        case .union(let isDense): isDense ? 2 : 1
        default: 2
        }
    }

    /// How many children the type has; `nil` where any number is right.
    var children: Int? {
        switch self {
        case .structure, .union: nil
        case .list, .listView, .fixedSizeList, .map: 1
        case .runEndEncoded: 2
        default: 0
        }
    }

    /// What is not read, in words.
    var refused: String? {
        switch self {
        case .union: "a union"
        case .runEndEncoded: "run-end encoding"
        case .interval: "a calendar interval"
        default: nil
        }
    }

    /// Reads the type of a field.
    ///
    /// - Parameters:
    ///   - number: which of the union's types it is.
    ///   - table: its description.
    /// - Throws: ``ArrowProblem``, for a type that the format does not have, too.
    init(_ number: UInt8, _ table: FlatTable) throws(ArrowProblem) {
        switch number {
        case 1: self = .null
        case 2:
            self = .integer(
                bits: try Self.bits(table, 0, 0, [8, 16, 32, 64]), isSigned: try table.flag(1))
        case 3: self = .floatingPoint(bits: try Self.choice(table, 0, 0, [16, 32, 64]))
        case 4: self = .binary(offsetBits: 32)
        case 5: self = .text(offsetBits: 32)
        case 6: self = .bool
        case 7:
            let scale: Int32 = try table.number(1)
            // Decimals of 256 bits have 76 digits; the rest is zeros.
            guard scale.magnitude <= 1000 else {
                throw .damaged("a decimal has the scale \(scale)")
            }
            self = .decimal(
                bits: try Self.bits(table, 2, 128, [32, 64, 128, 256]), scale: Int(scale))
        case 8: self = .date(bits: try Self.choice(table, 0, 1, [32, 64]))
        case 9:
            self = .time(try Self.unit(table, 1), bits: try Self.bits(table, 1, 32, [32, 64]))
        case 10: self = .timestamp(try Self.unit(table, 0), zone: try table.text(1))
        case 11: self = .interval
        case 12: self = .list(offsetBits: 32)
        case 13: self = .structure
        case 14: self = .union(isDense: try Self.choice(table, 0, 0, [false, true]))
        case 15: self = .fixedSizeBinary(bytes: try Self.size(table))
        case 16: self = .fixedSizeList(count: try Self.size(table))
        case 17: self = .map
        case 18: self = .duration(try Self.unit(table, 1))
        case 19: self = .binary(offsetBits: 64)
        case 20: self = .text(offsetBits: 64)
        case 21: self = .list(offsetBits: 64)
        case 22: self = .runEndEncoded
        case 23: self = .binaryView
        case 24: self = .textView
        case 25: self = .listView(offsetBits: 32)
        case 26: self = .listView(offsetBits: 64)
        default: throw .damaged("a column has the type number \(number), which Arrow does not have")
        }
    }

    private static func bits(
        _ table: FlatTable, _ field: Int, _ missing: Int32, _ known: [Int32]
    ) throws(ArrowProblem) -> Int {
        let bits = try table.number(field, missing: missing)
        guard known.contains(bits) else { throw .damaged("a type of \(bits) bits stands there") }
        return Int(bits)
    }

    private static func choice<Choice>(
        _ table: FlatTable, _ field: Int, _ missing: Int16, _ choices: [Choice]
    ) throws(ArrowProblem) -> Choice {
        let index = Int(try table.number(field, missing: missing))
        guard choices.indices.contains(index) else {
            throw .damaged("a type's description has the choice \(index) of \(choices.count)")
        }
        return choices[index]
    }

    private static func unit(
        _ table: FlatTable, _ missing: Int16
    ) throws(ArrowProblem) -> TimeUnit {
        try choice(table, 0, missing, [.seconds, .milliseconds, .microseconds, .nanoseconds])
    }

    private static func size(_ table: FlatTable) throws(ArrowProblem) -> Int {
        let size: Int32 = try table.number(0)
        guard size >= 0 else { throw .damaged("a type of \(size) elements stands there") }
        return Int(size)
    }
}
