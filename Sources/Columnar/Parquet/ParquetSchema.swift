/// The fields of a Parquet file's rows and the columns that they are read from.
///
/// Lists and maps are recognised by LogicalTypes.md, with its rules for files of older writers, as pyarrow applies
/// them. Columns of raw bytes are left out, and so are objects and lists that hold nothing else.
struct ParquetSchema {
    private(set) var fields: [ParquetField] = []
    /// The columns that are read, in the order of the file.
    private(set) var columns: [ParquetColumn] = []
    /// The columns that every row group has.
    let columnCount: Int
    private var path: [String] = []

    /// - Parameter wanted: the names of top-level columns to read; nothing for all.
    init(_ elements: [SchemaElement], wanted: Set<String>?) throws(ParquetProblem) {
        let (root, count) = try SchemaNode.tree(elements)
        columnCount = count
        for node in root.children where wanted?.contains(node.element.name) ?? true {
            if let field = try field(node, definition: 0, repetition: 0) { fields.append(field) }
        }
    }

    /// Names of the file's top-level columns.
    static func names(_ elements: [SchemaElement]) throws(ParquetProblem) -> [String] {
        try SchemaNode.tree(elements).root.children.map(\.element.name)
    }

    /// Sees that the columns of a row group are packed in ways that are read.
    func checkCodecs(_ group: ParquetFooter.RowGroup) throws(ParquetProblem) {
        for column in columns {
            do throws(ParquetProblem) {
                _ = try PageCodec(code: group.chunks[column.index].codec)
            } catch {
                throw error.at("column \(column.name)")
            }
        }
    }

    /// A field inside one with these levels.
    private mutating func field(
        _ node: SchemaNode, definition: Int, repetition: Int
    ) throws(ParquetProblem) -> ParquetField? {
        path.append(node.element.name)
        defer { path.removeLast() }
        switch node.element.repetition {
        case .required:
            return try body(node, isNullable: false, definition, repetition)
        case .optional:
            return try body(node, isNullable: true, definition + 1, repetition)
        case .repeated:
            // Neither in a LIST nor in a MAP: a list without null, of elements without null.
            let first = columns.count
            let repeated = ParquetField.Repeated(
                definition: definition + 1, repetition: repetition + 1)
            guard
                let element = try body(
                    node, isNullable: false, definition + 1, repetition + 1)
            else { return nil }
            return ParquetField(
                node.element.name, isNullable: false, definition: definition,
                .array(element, repeated), first..<columns.count)
        }
    }

    /// What stands in a field, whatever its own repetition is.
    private mutating func body(
        _ node: SchemaNode, isNullable: Bool, _ definition: Int, _ repetition: Int
    ) throws(ParquetProblem) -> ParquetField? {
        let first = columns.count
        let shape: ParquetField.Shape?
        if let column = node.column {
            shape = try value(node, column, definition, repetition)
        } else if node.element.annotation == .list {
            shape = try array(node, definition, repetition)
        } else if node.element.annotation == .map {
            shape = try map(node, definition, repetition)
        } else {
            shape = try object(node, definition, repetition)
        }
        guard let shape else {
            columns.removeSubrange(first...)
            return nil
        }
        return ParquetField(
            node.element.name, isNullable: isNullable, definition: definition, shape,
            first..<columns.count)
    }

    private mutating func value(
        _ node: SchemaNode, _ column: Int, _ definition: Int, _ repetition: Int
    ) throws(ParquetProblem) -> ParquetField.Shape? {
        let element = node.element
        guard let physical = element.physical else { return nil }
        let form: LeafForm?
        do throws(ParquetProblem) {
            form = try LeafForm.of(element)
        } catch {
            throw error.at("column \(path.joined(separator: "."))")
        }
        guard let form else { return nil }
        guard physical != .fixed || element.length > 0 else {
            throw .damaged(
                "column \(path.joined(separator: ".")): values of \(element.length) bytes")
        }
        columns.append(
            ParquetColumn(
                path: path, index: column, physical: physical, length: element.length, form: form,
                definition: definition, repetition: repetition))
        return .value(form)
    }

    private mutating func object(
        _ node: SchemaNode, _ definition: Int, _ repetition: Int
    ) throws(ParquetProblem) -> ParquetField.Shape? {
        var fields: [ParquetField] = []
        for child in node.children {
            if let field = try field(child, definition: definition, repetition: repetition) {
                fields.append(field)
            }
        }
        return fields.isEmpty ? nil : .object(fields)
    }

    private mutating func array(
        _ node: SchemaNode, _ definition: Int, _ repetition: Int
    ) throws(ParquetProblem) -> ParquetField.Shape? {
        let entry = try repeatedChild(node)
        path.append(entry.element.name)
        defer { path.removeLast() }
        let repeated = ParquetField.Repeated(
            definition: definition + 1, repetition: repetition + 1)
        let element =
            Self.isElement(entry)
            ? try body(entry, isNullable: false, definition + 1, repetition + 1)
            : try field(entry.children[0], definition: definition + 1, repetition: repetition + 1)
        return element.map { .array($0, repeated) }
    }

    /// Whether a list's repeated field is its element, as older writers have it, and not a group around the
    /// element (LogicalTypes.md: Lists, "Backward-compatibility rules").
    private static func isElement(_ entry: SchemaNode) -> Bool {
        guard entry.children.count == 1 else { return true }
        return entry.children[0].element.repetition == .repeated || entry.element.name == "array"
            || entry.element.name.hasSuffix("_tuple")
    }

    private mutating func map(
        _ node: SchemaNode, _ definition: Int, _ repetition: Int
    ) throws(ParquetProblem) -> ParquetField.Shape? {
        let entry = try repeatedChild(node)
        path.append(entry.element.name)
        defer { path.removeLast() }
        let repeated = ParquetField.Repeated(
            definition: definition + 1, repetition: repetition + 1)
        guard (1...2).contains(entry.children.count) else {
            throw .damaged(
                """
                column \(path.joined(separator: ".")): \(entry.children.count) fields in a map, \
                expected a key and a value
                """)
        }
        guard
            let key = try field(
                entry.children[0], definition: definition + 1, repetition: repetition + 1)
        else { return nil }
        // A set, in the words of the format's documents: keys only.
        guard entry.children.count == 2 else { return .array(key, repeated) }
        let value = try field(
            entry.children[1], definition: definition + 1, repetition: repetition + 1)
        return value.map { .map(key: key, value: $0, repeated) }
    }

    private func repeatedChild(_ node: SchemaNode) throws(ParquetProblem) -> SchemaNode {
        guard node.children.count == 1, node.children[0].element.repetition == .repeated else {
            throw .damaged(
                """
                column \(path.joined(separator: ".")): a list or map of \(node.children.count) \
                fields, expected one that is repeated
                """)
        }
        return node.children[0]
    }
}
