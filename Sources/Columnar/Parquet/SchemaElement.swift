/// One entry of the flat list that is a Parquet file's schema (parquet.thrift: SchemaElement).
struct SchemaElement {
    /// How often a field stands in its parent.
    enum Repetition: Int {
        case required = 0
        case optional, repeated
    }

    /// parquet.thrift: Type.
    enum Physical: Int {
        case boolean = 0
        case int32, int64, int96, float, double, bytes, fixed
    }

    /// What LogicalType or the older ConvertedType says.
    enum Annotation: Equatable {
        case text, json, map, list, uuid, float16, date, nothing
        case decimal(scale: Int, precision: Int)
        case time(TimeUnit)
        case timestamp(TimeUnit, isUTC: Bool)
        case integer(bits: Int, isSigned: Bool)
        /// BSON, INTERVAL, VARIANT, GEOMETRY and types that came later.
        case other
    }

    var name = ""
    var repetition = Repetition.required
    var physical: Physical?
    var length = 0
    var children = 0
    var annotation: Annotation?

    private var converted: Int?
    private var scale = 0
    private var precision = 0

    /// Reads the structure that is the value at hand.
    init(_ reader: inout ThriftReader) throws(ParquetProblem) {
        var logical: Annotation?
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1:
                let type = try reader.int32()
                physical = Physical(rawValue: type)
                guard physical != nil else { throw .damaged("type \(type) of a column") }
            case 2: length = try reader.int32()
            case 3:
                let value = try reader.int32()
                guard let known = Repetition(rawValue: value) else {
                    throw .damaged("repetition \(value) of a column")
                }
                repetition = known
            case 4: name = try reader.text()
            case 5: children = try reader.int32()
            case 6: converted = try reader.int32()
            case 7: scale = try reader.int32()
            case 8: precision = try reader.int32()
            case 10: logical = try Self.logical(&reader)
            default: try reader.skip()
            }
        }
        annotation = logical ?? converted.map(annotation)
    }

    /// ConvertedType, which newer files have beside LogicalType. Its timestamps are read without zone, as
    /// pyarrow does.
    private func annotation(_ converted: Int) -> Annotation {
        switch converted {
        case 0, 4: .text
        case 19: .json
        case 1, 2: .map
        case 3: .list
        case 5: .decimal(scale: scale, precision: precision)
        case 6: .date
        case 7: .time(.milliseconds)
        case 8: .time(.microseconds)
        case 9: .timestamp(.milliseconds, isUTC: false)
        case 10: .timestamp(.microseconds, isUTC: false)
        case 11...14: .integer(bits: 8 << (converted - 11), isSigned: false)
        case 15...18: .integer(bits: 8 << (converted - 15), isSigned: true)
        default: .other
        }
    }

    /// LogicalType, a union.
    private static func logical(
        _ reader: inout ThriftReader
    ) throws(ParquetProblem) -> Annotation? {
        var found: Annotation?
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 5: found = try decimal(&reader)
            case 7, 8:
                let (unit, isUTC) = try time(&reader)
                found = number == 7 ? .time(unit) : .timestamp(unit, isUTC: isUTC)
            case 10: found = try integer(&reader)
            default:
                found = plain[number] ?? .other
                try reader.skip()
            }
        }
        return found
    }

    private static let plain: [Int: Annotation] = [
        1: .text, 2: .map, 3: .list, 4: .text, 6: .date, 11: .nothing, 12: .json, 14: .uuid,
        15: .float16,
    ]

    private static func decimal(
        _ reader: inout ThriftReader
    ) throws(ParquetProblem) -> Annotation {
        var (scale, precision) = (0, 0)
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: scale = try reader.int32()
            case 2: precision = try reader.int32()
            default: try reader.skip()
            }
        }
        return .decimal(scale: scale, precision: precision)
    }

    private static func time(
        _ reader: inout ThriftReader
    ) throws(ParquetProblem) -> (TimeUnit, isUTC: Bool) {
        var isUTC = false
        var unit: TimeUnit?
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: isUTC = try reader.bool()
            case 2:
                try reader.structure { (reader, number) throws(ParquetProblem) in
                    unit = [1: .milliseconds, 2: .microseconds, 3: .nanoseconds][number]
                    try reader.skip()
                }
            default: try reader.skip()
            }
        }
        guard let unit else { throw .damaged("a time without its unit") }
        return (unit, isUTC)
    }

    private static func integer(
        _ reader: inout ThriftReader
    ) throws(ParquetProblem) -> Annotation {
        var (bits, isSigned) = (0, true)
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: bits = try reader.int32()
            case 2: isSigned = try reader.bool()
            default: try reader.skip()
            }
        }
        guard [8, 16, 32, 64].contains(bits) else { throw .damaged("integers of \(bits) bits") }
        return .integer(bits: bits, isSigned: isSigned)
    }
}
