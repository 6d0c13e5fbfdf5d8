import Files

/// The cells of a file of separated fields as pandas reads them: a column is of integers, floats, truth
/// values or texts, whichever all its cells are.
///
/// Source: pandas 3.0, `read_csv`. Words for what is missing are null in every column; a column of integers
/// with one of them is of floats.
enum TableCells {
    /// pandas' `STR_NA_VALUES`.
    private static let missing: Set<String> = [
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
        "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    ]

    private enum Kind { case integers, reals, flags, texts }

    /// The rows with typed cells.
    ///
    /// - Parameter rows: of one file: the same columns in each, texts or nulls.
    static func typed(_ rows: [JSONValue]) -> [JSONValue] {
        let names = rows.first?.members?.map(\.key) ?? []
        let kinds = names.indices.map { column in
            kind(rows.lazy.map { $0.members?[column].value.string })
        }
        return rows.map { row in
            .object(
                zip(row.members ?? [], kinds).map { member, kind in
                    (key: member.key, value: value(member.value.string, kind))
                })
        }
    }

    private static func kind(_ cells: some Sequence<String?>) -> Kind {
        var (hasMissing, hasNegative, fitsSigned, fitsUnsigned) = (false, false, true, true)
        var (areIntegers, areFloats, areFlags) = (true, true, true)
        for cell in cells {
            guard let cell, !missing.contains(cell) else {
                hasMissing = true
                continue
            }
            if areIntegers, let digits = integer(cell) {
                hasNegative = hasNegative || digits.hasPrefix("-")
                fitsSigned = fitsSigned && Int64(digits) != nil
                fitsUnsigned = fitsUnsigned && UInt64(digits) != nil
            } else {
                areIntegers = false
            }
            areFloats = areFloats && float(cell) != nil
            areFlags = areFlags && flag(cell) != nil
            if !areFloats, !areFlags { return .texts }
        }
        if areIntegers {
            if fitsSigned { return hasMissing ? .reals : .integers }
            return fitsUnsigned && !hasMissing && !hasNegative ? .integers : .texts
        }
        return areFloats ? .reals : .flags
    }

    private static func value(_ cell: String?, _ kind: Kind) -> JSONValue {
        guard let cell, !missing.contains(cell) else { return .null }
        let typed: JSONValue? =
            switch kind {
            case .integers: integer(cell).map { .number($0) }
            case .reals: float(cell).map { .number(PythonNumber.text($0)) }
            case .flags: flag(cell).map { .bool($0) }
            case .texts: nil
            }
        return typed ?? .string(cell)
    }

    private static func flag(_ cell: String) -> Bool? {
        switch cell.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// The cell without space around it and its sign.
    private static func unsigned(_ cell: String) -> (isNegative: Bool, rest: ArraySlice<UInt8>) {
        func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
        var rest = Array(cell.utf8)[...].drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        let sign = rest.first
        if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
        return (sign == UInt8(ascii: "-"), rest)
    }

    /// The integer as Python writes it, of any size.
    private static func integer(_ cell: String) -> String? {
        let (isNegative, digits) = unsigned(cell)
        guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        let bare = digits.drop { $0 == 48 }
        guard !bare.isEmpty else { return "0" }
        return (isNegative ? "-" : "") + String(decoding: bare, as: UTF8.self)
    }

    private static func float(_ cell: String) -> Double? {
        var (isNegative, rest) = unsigned(cell)
        let word = String(decoding: rest, as: UTF8.self).lowercased()
        if word == "inf" || word == "infinity" { return isNegative ? -.infinity : .infinity }
        func digits() -> String {
            let found = rest.prefix { (48...57).contains($0) }
            rest = rest[found.endIndex...]
            return String(decoding: found, as: UTF8.self)
        }
        let whole = digits()
        var fraction = ""
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = digits()
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var exponent = ""
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            rest.removeFirst()
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                rest.removeFirst()
                exponent = sign == UInt8(ascii: "-") ? "-" : ""
            }
            let size = digits()
            guard !size.isEmpty else { return nil }
            exponent = "e" + exponent + size
        }
        guard rest.isEmpty else { return nil }
        return Double((isNegative ? "-" : "") + "0\(whole).\(fraction)0\(exponent)")
    }
}
