/// How the values of a column are written into lines of JSON.
enum LeafForm: Equatable {
    case bool
    case integer(bits: Int, isSigned: Bool)
    /// Of 16, 32 or 64 bits.
    case float(bits: Int)
    case text
    /// A text that is JSON itself, which becomes the value that it describes.
    case json
    case uuid
    case decimal(scale: Int)
    case date
    case time(TimeUnit)
    case timestamp(TimeUnit, isUTC: Bool)
    /// INT96: nanoseconds of a day, and the day.
    case oldTimestamp
    /// A column of nulls only.
    case nothing

    /// The largest number of decimal digits that are read, those of Arrow's decimal256.
    private static let longestDecimal = 76

    /// The form of a column's values; nothing for raw bytes, which JSON has no form for.
    ///
    /// - Throws: ``ParquetProblem/damaged(_:)`` for an annotation that does not go with the type.
    static func of(_ element: SchemaElement) throws(ParquetProblem) -> LeafForm? {
        guard let physical = element.physical else { return nil }
        if element.annotation == .nothing { return LeafForm.nothing }
        let form =
            switch physical {
            case .boolean: element.annotation == nil ? LeafForm.bool : nil
            case .int32: try ofInt32(element)
            case .int64: try ofInt64(element)
            case .int96: LeafForm.oldTimestamp
            case .float: element.annotation == nil ? LeafForm.float(bits: 32) : nil
            case .double: element.annotation == nil ? LeafForm.float(bits: 64) : nil
            case .bytes, .fixed: try ofBytes(element, physical)
            }
        if form == nil, physical != .bytes, physical != .fixed { throw misfit(element) }
        return form
    }

    private static func ofInt32(_ element: SchemaElement) throws(ParquetProblem) -> LeafForm? {
        switch element.annotation {
        case nil: .integer(bits: 32, isSigned: true)
        case .integer(let bits, let isSigned) where bits <= 32:
            .integer(bits: bits, isSigned: isSigned)
        case .date: .date
        case .time(.milliseconds): .time(.milliseconds)
        case .decimal(let scale, let precision): try decimal(scale, precision)
        default: nil
        }
    }

    private static func ofInt64(_ element: SchemaElement) throws(ParquetProblem) -> LeafForm? {
        switch element.annotation {
        case nil: .integer(bits: 64, isSigned: true)
        case .integer(64, let isSigned): .integer(bits: 64, isSigned: isSigned)
        case .time(let unit) where unit != .milliseconds: .time(unit)
        case .timestamp(let unit, let isUTC): .timestamp(unit, isUTC: isUTC)
        case .decimal(let scale, let precision): try decimal(scale, precision)
        default: nil
        }
    }

    private static func ofBytes(
        _ element: SchemaElement, _ physical: SchemaElement.Physical
    ) throws(ParquetProblem) -> LeafForm? {
        switch element.annotation {
        case nil, .other: return nil
        case .decimal(let scale, let precision): return try decimal(scale, precision)
        case .text where physical == .bytes: return .text
        case .json where physical == .bytes: return .json
        case .uuid where physical == .fixed && element.length == 16: return .uuid
        case .float16 where physical == .fixed && element.length == 2: return .float(bits: 16)
        default: throw misfit(element)
        }
    }

    private static func decimal(
        _ scale: Int, _ precision: Int
    ) throws(ParquetProblem) -> LeafForm {
        guard precision > 0, scale >= 0, scale <= precision else {
            throw .damaged("decimals of \(precision) digits, \(scale) of them behind the point")
        }
        guard precision <= longestDecimal else {
            throw .unsupported(
                found: "decimals of \(precision) digits",
                advice: "cast them to at most \(longestDecimal) digits")
        }
        return .decimal(scale: scale)
    }

    private static func misfit(_ element: SchemaElement) -> ParquetProblem {
        let type = element.physical.map { "\($0)" } ?? "group"
        let annotation = element.annotation.map { "\($0)" } ?? "nothing"
        return .damaged("values of type \(type) annotated as \(annotation)")
    }
}
