/// Reads fields of a schema.
struct ArrowFieldReader {
    /// How many fields may still come: each takes bytes of the description, so that more than fit are
    /// one field, described once and pointed to often.
    private var left: Int

    /// - Parameter bytes: of the whole description.
    init(bytes: Int) { left = bytes / 8 }

    /// Reads a field and its children.
    ///
    /// - Parameter depth: columns that it lies in.
    /// - Throws: ``ArrowProblem``.
    mutating func field(_ table: FlatTable, depth: Int = 0) throws(ArrowProblem) -> ArrowField {
        left -= 1
        guard left >= 0 else { throw .damaged("its description has more columns than bytes") }
        let name = try table.text(0) ?? ""
        guard depth < ArrowField.deepest else {
            throw .unsupported(
                found: "column \(name): more than \(ArrowField.deepest) levels of columns",
                advice: "write the table with fewer levels of lists and structs")
        }
        guard let description = try table.table(3) else {
            throw .damaged("column \(name) has no type")
        }
        let type = try ArrowType(table.number(2), description)
        var children: [ArrowField] = []
        for child in try table.tables(5) { children.append(try field(child, depth: depth + 1)) }
        try Self.check(name, type, children)
        var dictionary: ArrowDictionaryEncoding?
        if let encoding = try table.table(4) { dictionary = try Self.encoding(encoding) }
        var isJSON = false
        for entry in try table.tables(6) where try entry.text(0) == "ARROW:extension:name" {
            isJSON = try entry.text(1) == "arrow.json"
        }
        return ArrowField(
            name: name, type: type, children: children, dictionary: dictionary, isJSON: isJSON)
    }

    private static func check(
        _ name: String, _ type: ArrowType, _ children: [ArrowField]
    ) throws(ArrowProblem) {
        if let count = type.children, children.count != count {
            throw .damaged("column \(name) has \(children.count) children, \(count) expected")
        }
        if type == .map {
            guard let entry = children.first, entry.type == .structure, entry.dictionary == nil,
                entry.children.count == 2
            else { throw .damaged("column \(name) is a map without keys and values") }
        }
        if type == .structure {
            var names: Set<String> = []
            for child in children where !names.insert(child.name).inserted {
                throw .unsupported(
                    found: "column \(name): two members named \(child.name)",
                    advice: "rename one of them before the table is written")
            }
        }
    }

    private static func encoding(
        _ table: FlatTable
    ) throws(ArrowProblem) -> ArrowDictionaryEncoding {
        let id: Int64 = try table.number(0)
        // Without a type of its own the index is a signed number of 32 bits.
        guard let index = try table.table(1) else {
            return ArrowDictionaryEncoding(id: id, bits: 32, isSigned: true)
        }
        guard case .integer(let bits, let isSigned) = try ArrowType(2, index) else {
            throw .damaged("a dictionary's index is no whole number")
        }
        return ArrowDictionaryEncoding(id: id, bits: bits, isSigned: isSigned)
    }
}
