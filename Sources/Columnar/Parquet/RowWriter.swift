/// Puts the rows of a row group together out of the entries of its columns (Dremel, section 4.1).
///
/// The first column of a field tells whether it is null, empty or how long; the others have to say the same.
struct RowWriter {
    private let fields: [ParquetField]
    private let columns: [ColumnReader]

    /// Begins with the first row.
    init(_ fields: [ParquetField], _ columns: [ColumnReader]) throws(ParquetProblem) {
        self.fields = fields
        self.columns = columns
        for number in columns.indices { try advance(number) }
    }

    /// Writes the next row.
    func write(into line: inout JSONLine) throws(ParquetProblem) {
        for column in columns where column.repetition != 0 || column.isAtEnd {
            throw .damaged(
                "column \(column.column.name): \(column.isAtEnd ? "fewer" : "more") values than rows"
            )
        }
        try writeObject(fields, into: &line)
        line.endLine()
    }

    /// Sees that no column has entries left.
    func finish() throws(ParquetProblem) {
        for column in columns where !column.isAtEnd {
            throw .damaged("column \(column.column.name): more values than rows")
        }
    }

    private func writeObject(
        _ fields: [ParquetField], into line: inout JSONLine
    ) throws(ParquetProblem) {
        line.beginObject()
        for field in fields {
            line.key(field.key)
            try write(field, into: &line)
        }
        line.endObject()
    }

    private func write(_ field: ParquetField, into line: inout JSONLine) throws(ParquetProblem) {
        let first = columns[field.columns.lowerBound]
        guard first.definition >= field.definition else {
            guard field.isNullable, first.definition == field.definition - 1 else {
                throw disagreement(first)
            }
            try skip(field.columns, definition: first.definition)
            return line.null()
        }
        switch field.shape {
        case .value:
            do throws(ParquetProblem) {
                try first.write(into: &line)
            } catch {
                throw error.at("column \(first.column.name)")
            }
            try advance(field.columns.lowerBound)
        case .object(let fields): try writeObject(fields, into: &line)
        case .array(let element, let repeated):
            line.beginArray()
            try forEach(field, repeated) { () throws(ParquetProblem) in
                try write(element, into: &line)
            }
            line.endArray()
        case .map(let key, let value, let repeated) where key.isText:
            line.beginObject()
            try forEach(field, repeated) { () throws(ParquetProblem) in
                guard columns[key.columns.lowerBound].hasValue else {
                    throw .damaged("column \(first.column.name): a map with a key that is null")
                }
                try write(key, into: &line)
                line.endKey()
                try write(value, into: &line)
            }
            line.endObject()
        case .map(let key, let value, let repeated):
            line.beginArray()
            try forEach(field, repeated) { () throws(ParquetProblem) in
                line.beginArray()
                try write(key, into: &line)
                try write(value, into: &line)
                line.endArray()
            }
            line.endArray()
        }
    }

    /// Runs `body` once for each element of the list that begins at hand.
    private func forEach(
        _ field: ParquetField, _ repeated: ParquetField.Repeated,
        _ body: () throws(ParquetProblem) -> Void
    ) throws(ParquetProblem) {
        let first = columns[field.columns.lowerBound]
        guard first.definition >= repeated.definition else {
            return try skip(field.columns, definition: first.definition)
        }
        while true {
            try body()
            let repetition = first.repetition
            for number in field.columns where columns[number].repetition != repetition {
                throw disagreement(columns[number])
            }
            if repetition < repeated.repetition { return }
            guard repetition == repeated.repetition, !first.isAtEnd else {
                throw disagreement(first)
            }
        }
    }

    /// Passes over one entry of each column, which all have to say that nothing is there.
    private func skip(_ range: Range<Int>, definition: Int) throws(ParquetProblem) {
        for number in range {
            guard columns[number].definition == definition else {
                throw disagreement(columns[number])
            }
            try advance(number)
        }
    }

    private func advance(_ number: Int) throws(ParquetProblem) {
        do throws(ParquetProblem) {
            try columns[number].advance()
        } catch {
            throw error.at("column \(columns[number].column.name)")
        }
    }

    private func disagreement(_ column: ColumnReader) -> ParquetProblem {
        .damaged("column \(column.column.name): levels that disagree with those of its neighbours")
    }
}
