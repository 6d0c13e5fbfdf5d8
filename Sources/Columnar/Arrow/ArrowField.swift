/// A column as a schema describes it (Schema.fbs, table Field).
struct ArrowField: Equatable {
    let name: String
    /// What its values are; of a dictionary's values where the column is dictionary-encoded.
    let type: ArrowType
    let children: [ArrowField]
    let dictionary: ArrowDictionaryEncoding?
    /// Whether its texts are JSON, which `datasets` parses (type Json, stored as extension arrow.json).
    let isJSON: Bool

    /// Levels of columns within columns.
    static let deepest = 64

    /// Raw bytes, and what has nothing else: left out of the rows.
    var isLeftOut: Bool {
        switch type {
        case .binary, .binaryView, .fixedSizeBinary: true
        case .structure: !children.isEmpty && children.allSatisfy(\.isLeftOut)
        case .map: children.contains { $0.children.contains(where: \.isLeftOut) }
        case .list, .listView, .fixedSizeList: children.allSatisfy(\.isLeftOut)
        default: false
        }
    }

    /// Whether rows of it take bytes of the file; what takes none may claim to be of any length.
    var takesBytes: Bool {
        if dictionary != nil { return true }
        switch type {
        case .null: return false
        case .structure: return children.contains(where: \.takesBytes)
        case .fixedSizeList(let count): return count > 0 && children.contains(where: \.takesBytes)
        default: return true
        }
    }

    /// Whether it, or a child that is not left out, has a type that is not read.
    var isRefused: Bool {
        type.refused != nil || children.contains { !$0.isLeftOut && $0.isRefused }
    }

    /// - Throws: ``ArrowProblem/unsupported(found:advice:)`` where ``isRefused``.
    func refuse(_ path: String) throws(ArrowProblem) {
        if let refused = type.refused {
            throw .unsupported(
                found: "column \(path): \(refused)",
                advice: "drop the column (table.drop_columns) or cast it to a plain type before "
                    + "the table is written")
        }
        for child in children where !child.isLeftOut { try child.refuse("\(path).\(child.name)") }
    }
}

/// How a column's values are numbered (Schema.fbs, table DictionaryEncoding).
struct ArrowDictionaryEncoding: Equatable {
    let id: Int64
    let bits: Int
    let isSigned: Bool
}
