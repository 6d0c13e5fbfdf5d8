/// What divides the fields of a record.
package enum FieldSeparation: Sendable, Equatable {
    /// CSV (RFC 4180): fields in quotation marks may hold commas, line breaks and doubled quotation
    /// marks.
    case commas
    /// TSV: quotation marks are characters like others.
    case tabs

    fileprivate var separator: UInt8 {
        switch self {
        case .commas: UInt8(ascii: ",")
        case .tabs: UInt8(ascii: "\t")
        }
    }

    fileprivate var hasQuotes: Bool { self == .commas }
}

/// Finds records of separated fields; lines end with \n or \r\n.
package struct CSVScanner {
    /// One field of a record; a field without any characters counts as absent.
    struct Field {
        let text: String?
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int
    private(set) var line: Int
    private let separation: FieldSeparation

    init(
        bytes: UnsafeRawBufferPointer, offset: Int, line: Int,
        separation: FieldSeparation = .commas
    ) {
        self.separation = separation
        self.bytes = bytes
        self.offset = offset
        self.line = line
    }

    /// The next record without its line end; empty lines are passed over.
    mutating func next() -> RowFile.Place? {
        while offset < bytes.count, bytes[offset] == 0x0A || bytes[offset] == 0x0D {
            if bytes[offset] == 0x0A { line += 1 }
            offset += 1
        }
        guard offset < bytes.count else { return nil }
        let (start, first) = (offset, line)
        var isQuoted = false
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\"") where separation.hasQuotes: isQuoted.toggle()
            case 0x0A:
                if !isQuoted {
                    let end = offset > start && bytes[offset - 1] == 0x0D ? offset - 1 : offset
                    return RowFile.Place(offset: start, count: end - start, position: .line(first))
                }
                line += 1
            default: break
            }
            offset += 1
        }
        return RowFile.Place(offset: start, count: offset - start, position: .line(first))
    }
}

extension FieldSeparation {
    /// The fields of a record.
    func fields(
        _ bytes: UnsafeRawBufferPointer, _ place: RowFile.Place
    ) -> [CSVScanner.Field] {
        typealias Field = CSVScanner.Field
        var fields: [Field] = []
        var field: [UInt8] = []
        var isQuoted = false
        func finish() {
            fields.append(
                Field(text: field.isEmpty ? nil : String(decoding: field, as: UTF8.self)))
            field.removeAll(keepingCapacity: true)
        }
        var index = place.offset
        let end = place.offset + place.count
        while index < end {
            let byte = bytes[index]
            if hasQuotes, byte == UInt8(ascii: "\"") {
                if isQuoted, index + 1 < end, bytes[index + 1] == byte {
                    field.append(byte)
                    index += 1
                } else {
                    isQuoted.toggle()
                }
            } else if byte == separator, !isQuoted {
                finish()
            } else {
                field.append(byte)
            }
            index += 1
        }
        finish()
        return fields
    }
}
