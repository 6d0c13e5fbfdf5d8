import Files

/// The batches of a table, in the IPC stream format or the IPC file format, in order.
struct ArrowTable {
    let schema: ArrowSchema
    private let file: ByteView
    private let dictionaries: [Int64: ArrowDictionary]
    private var reading: Reading

    /// Where the next message is found.
    private enum Reading {
        /// The stream format: where the next message begins.
        case stream(Int)
        /// The file format: where messages begin, and which of them is next.
        case file(ArrowFooter, next: Int)
    }

    /// One batch of rows.
    struct Batch {
        var reader: ArrowBatchReader
        /// Bytes of the file up to its end.
        let end: Int
    }

    /// - Parameter file: the whole file; whoever holds the table keeps it.
    /// - Throws: ``ArrowProblem``, also for what is no Arrow at all.
    init(_ file: ByteView) throws(ArrowProblem) {
        self.file = file
        try Self.refuseOthers(file)
        if file.elementsEqual(ArrowFooter.magic, at: 0) {
            let footer = try ArrowFooter(file)
            schema = footer.schema
            reading = .file(footer, next: 0)
        } else {
            let first: ArrowMessage?
            do throws(ArrowProblem) {
                first = try ArrowMessage.read(file, at: 0)
            } catch .damaged(let problem) {
                throw .damaged("does not begin with an Arrow schema (\(problem))")
            }
            guard let first, case .schema(let table) = first.header else {
                throw .damaged("does not begin with an Arrow schema")
            }
            schema = try ArrowSchema(table, bytes: first.descriptionBytes)
            reading = .stream(first.end)
        }
        dictionaries = schema.dictionaries.mapValues { _ in ArrowDictionary() }
    }

    /// The next batch; `nil` at the end.
    ///
    /// - Throws: ``ArrowProblem``.
    mutating func next() throws(ArrowProblem) -> Batch? {
        while let message = try nextMessage() {
            switch message.header {
            case .records(let table):
                let reader = try ArrowBatchReader(table, of: message, dictionaries)
                return Batch(reader: reader, end: message.end)
            case .dictionary(let table): try add(table, message)
            case .schema: throw .damaged("has a second schema")
            }
        }
        return nil
    }

    private mutating func nextMessage() throws(ArrowProblem) -> ArrowMessage? {
        switch reading {
        case .stream(let place):
            if let message = try ArrowMessage.read(file, at: place) {
                reading = .stream(message.end)
                return message
            }
            try checkEnd(place)
            return nil
        case .file(let footer, let next):
            let isDictionary = next < footer.dictionaries.count
            let index = isDictionary ? next : next - footer.dictionaries.count
            guard isDictionary || index < footer.batches.count else { return nil }
            reading = .file(footer, next: next + 1)
            let place = isDictionary ? footer.dictionaries[index] : footer.batches[index]
            guard let message = try ArrowMessage.read(file, at: place) else {
                throw .damaged("has a footer that points to no message")
            }
            switch message.header {
            case .dictionary where isDictionary, .records where !isDictionary: return message
            default: throw .damaged("has a footer that points to a message of another kind")
            }
        }
    }

    /// Makes sure that nothing follows the end-of-stream mark at `place`, such as a second stream.
    private func checkEnd(_ place: Int) throws(ArrowProblem) {
        let mark = try file.value(at: place, as: Int32.self) == -1 ? 8 : 4
        let rest = file.count - place - mark
        guard rest <= 0 else {
            throw .damaged("goes on with \(rest) bytes behind its end-of-stream mark")
        }
    }

    private func add(_ table: FlatTable, _ message: ArrowMessage) throws(ArrowProblem) {
        let id: Int64 = try table.number(0)
        guard let field = schema.dictionaries[id], let dictionary = dictionaries[id] else {
            throw .damaged("has dictionary \(id), which no column uses")
        }
        guard let data = try table.table(1) else {
            throw .damaged("has dictionary \(id) without values")
        }
        // Raw bytes and what is not read: only columns that are left out have such values.
        guard !field.isLeftOut, !field.isRefused else { return }
        var reader = try ArrowBatchReader(data, of: message, dictionaries)
        let values = try reader.column(field, field.name)
        try reader.finish()
        guard values.count == reader.rows else {
            throw .damaged("\(field.name) has \(values.count) values, \(reader.rows) expected")
        }
        try dictionary.add(values, reader.unpacked, isAddition: try table.flag(2))
    }

    private static func refuseOthers(_ file: ByteView) throws(ArrowProblem) {
        if file.count == 0 { throw .damaged("is empty") }
        if file.elementsEqual("FEA1", at: 0) {
            throw .unsupported(
                found: "a Feather file of version 1",
                advice: "write it again with pyarrow.feather.write_feather(table, file)")
        }
        if file.elementsEqual("PAR1", at: 0) {
            throw .unsupported(found: "a Parquet file", advice: "let its name end in .parquet")
        }
    }
}
