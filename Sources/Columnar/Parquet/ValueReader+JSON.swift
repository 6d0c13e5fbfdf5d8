import Files

/// Values as lines of JSON have them.
extension ValueReader {
    static let invalidText = ParquetProblem.damaged("a text that is not UTF-8")

    /// Writes the next value.
    mutating func write(
        _ form: LeafForm, _ physical: SchemaElement.Physical, into line: inout JSONLine
    ) throws(ParquetProblem) {
        switch form {
        case .text:
            let letters = try nextText()
            guard letters.isUTF8 else { throw Self.invalidText }
            line.text(letters)
        case .json: line.value(try nextJSON())
        case .bool: line.bool(try nextBool())
        case .integer(let bits, let isSigned):
            try write(nextInteger(), bits, isSigned, into: &line)
        case .float(let bits): line.number(try nextFloat(bits))
        case .uuid: line.text(Self.uuid(try nextFixed()).utf8)
        case .decimal(let scale): line.text(try decimal(physical, scale).utf8)
        case .date: line.text(CalendarText.date(try nextInteger()).utf8)
        case .time(let unit):
            let count = try nextInteger()
            guard let text = CalendarText.time(count, unit) else {
                throw .damaged("a time of the day of \(count) \(unit)")
            }
            line.text(text.utf8)
        case .timestamp(let unit, let isUTC):
            line.text(CalendarText.timestamp(try nextInteger(), unit, isUTC: isUTC).utf8)
        case .oldTimestamp:
            let value = try nextFixed()
            line.text(
                CalendarText.timestamp(
                    nanoseconds: value.load(0, Int64.self), julianDay: value.load(8, UInt32.self)
                ).utf8)
        case .nothing: throw .damaged("a value in a column of nulls")
        }
    }

    /// A text that is JSON, on one line.
    private mutating func nextJSON() throws(ParquetProblem) -> ArraySlice<UInt8> {
        let letters = try nextText()
        guard letters.isUTF8 else { throw Self.invalidText }
        do throws(JSONProblem) {
            let value = try JSONValueReader.read(Array(letters.raw)[...])
            var writer = JSONWriter()
            writer.itemSeparator = ","
            writer.keySeparator = ":"
            return Array(writer.text(of: value).utf8)[...]
        } catch {
            throw .damaged("a text that is no JSON (\(error.found) found)")
        }
    }

    private func write(
        _ value: Int64, _ bits: Int, _ isSigned: Bool, into line: inout JSONLine
    ) throws(ParquetProblem) {
        switch (bits, isSigned) {
        case (64, false): line.integer(UInt64(bitPattern: value))
        case (32, false): line.integer(UInt32(truncatingIfNeeded: value))
        case (64, true), (32, true): line.integer(value)
        default:
            let range =
                isSigned ? -(Int64(1) << (bits - 1))..<(1 << (bits - 1)) : 0..<(Int64(1) << bits)
            guard range.contains(value) else {
                throw .damaged("the number \(value), expected \(bits) bits")
            }
            line.integer(value)
        }
    }

    /// Numbers of fewer bits are written with all digits of the same number of 64 bits, as Python does.
    private mutating func nextFloat(_ bits: Int) throws(ParquetProblem) -> Double {
        let value = try nextFixed()
        return switch bits {
        case 16: Double(Float16(bitPattern: value.load(0, UInt16.self)))
        case 32: Double(Float(bitPattern: value.load(0, UInt32.self)))
        default: Double(bitPattern: value.load(0, UInt64.self))
        }
    }

    private mutating func decimal(
        _ physical: SchemaElement.Physical, _ scale: Int
    ) throws(ParquetProblem) -> String {
        switch physical {
        case .int32, .int64: return DecimalText.text(try nextInteger(), scale: scale)
        default:
            let bytes = physical == .bytes ? try nextText() : try nextFixed()
            guard let text = DecimalText.text(bytes, scale: scale) else {
                throw .damaged("a decimal of \(bytes.count) bytes")
            }
            return text
        }
    }

    /// Hexadecimal digits in five groups (RFC 9562).
    private static func uuid(_ bytes: ByteView) -> String {
        var text = ""
        for place in 0..<bytes.count {
            if [4, 6, 8, 10].contains(place) { text += "-" }
            let digits = String(bytes[place], radix: 16)
            text += digits.count == 1 ? "0" + digits : digits
        }
        return text
    }
}

extension ColumnReader {
    /// Writes the value of the entry at hand.
    @inline(__always)
    func write(into line: inout JSONLine) throws(ParquetProblem) {
        if let number = try indices?.next() {
            guard let dictionary else { throw .damaged("values of a dictionary that is missing") }
            try dictionary.write(number, into: &line)
        } else {
            try values.write(column.form, column.physical, into: &line)
        }
    }
}
