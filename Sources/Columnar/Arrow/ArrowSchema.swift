/// The columns of a table (Schema.fbs, table Schema).
struct ArrowSchema {
    let fields: [ArrowField]
    /// The values' column of each dictionary, as the first column that uses it describes them.
    let dictionaries: [Int64: ArrowField]

    /// - Parameters:
    ///   - table: the description.
    ///   - bytes: of the message that it lies in.
    /// - Throws: ``ArrowProblem``, for big-endian tables too.
    init(_ table: FlatTable, bytes: Int) throws(ArrowProblem) {
        guard try table.number(0, missing: Int16(0)) == 0 else {
            throw .unsupported(
                found: "a table with big-endian numbers",
                advice: "write it again with pyarrow on a little-endian machine")
        }
        var reader = ArrowFieldReader(bytes: bytes)
        var fields: [ArrowField] = []
        for field in try table.tables(1) { fields.append(try reader.field(field)) }
        var names: Set<String> = []
        for field in fields where !names.insert(field.name).inserted {
            throw .unsupported(
                found: "two columns named \(field.name)",
                advice: "rename one of them before the table is written")
        }
        self.fields = fields
        var dictionaries: [Int64: ArrowField] = [:]
        for field in fields { try Self.collect(field, into: &dictionaries, []) }
        self.dictionaries = dictionaries
    }

    /// Notes a column's dictionaries.
    ///
    /// - Parameter outer: dictionaries in whose values the column lies. One that lay in its own values
    ///   would have no end.
    private static func collect(
        _ field: ArrowField, into dictionaries: inout [Int64: ArrowField], _ outer: Set<Int64>
    ) throws(ArrowProblem) {
        var outer = outer
        if let encoding = field.dictionary {
            guard outer.insert(encoding.id).inserted else {
                throw .damaged("dictionary \(encoding.id) lies within its own values")
            }
            let values = ArrowField(
                name: "dictionary \(encoding.id)", type: field.type, children: field.children,
                dictionary: nil,
                isJSON: field.isJSON)
            guard dictionaries[encoding.id, default: values] == values else {
                throw .damaged("dictionary \(encoding.id) has values of two types")
            }
            dictionaries[encoding.id] = values
        }
        for child in field.children { try collect(child, into: &dictionaries, outer) }
    }
}
