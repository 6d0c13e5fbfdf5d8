package import Files
package import Templates

/// The rows of some datasets, in their files.
package struct DatasetRows: Sendable {
    /// A row by the number of its dataset and its own number there.
    package struct Reference: Sendable, Hashable {
        package let dataset: Int32
        package let row: Int32

        package init(dataset: Int32, row: Int32) {
            self.dataset = dataset
            self.row = row
        }
    }

    /// One dataset with its rows in order.
    package struct Dataset: Sendable {
        package let entry: DatasetEntry
        let files: [RowFile]
        package var rows: [(file: Int32, place: RowFile.Place)] = []

        /// How many rows there are.
        package var rowCount: Int { rows.count }
    }

    package private(set) var datasets: [Dataset] = []

    /// Finds the rows of `entries`, at most `limit` of each.
    ///
    /// - Throws: ``ConversationError/file(path:problem:)``,
    ///   ``ConversationError/empty(dataset:)``.
    package init(_ entries: [DatasetEntry], limit: Int? = nil) throws(ConversationError) {
        for entry in entries {
            var dataset = Dataset(entry: entry, files: try Self.open(entry.files))
            // Drawing needs to know all rows.
            let limit = entry.sampleCount == nil ? limit : nil
            files: for (number, file) in dataset.files.enumerated() {
                var places = try file.places()
                while let place = try places.next() {
                    if let limit, dataset.rows.count >= limit { break files }
                    dataset.rows.append((Int32(number), place))
                }
            }
            guard !dataset.rows.isEmpty else { throw .empty(dataset: entry.name) }
            datasets.append(dataset)
        }
    }

    private static func open(_ paths: [String]) throws(ConversationError) -> [RowFile] {
        var files: [RowFile] = []
        for path in paths { files.append(try RowFile(path)) }
        return files
    }

    /// The conversation of a row.
    ///
    /// - Throws: ``RowFailure`` with the row's place.
    package func conversation(_ reference: Reference) throws(RowFailure) -> Conversation {
        let dataset = datasets[Int(reference.dataset)]
        let (number, place) = dataset.rows[Int(reference.row)]
        let file = dataset.files[Int(number)]
        return try RowConverter(dataset.entry).conversation(file, place)
    }

    /// What a model is to answer itself, with the answer where the row has one.
    ///
    /// - Throws: ``RowFailure`` with the row's place.
    package func prompt(_ reference: Reference) throws(RowFailure) -> Conversation {
        let dataset = datasets[Int(reference.dataset)]
        let (number, place) = dataset.rows[Int(reference.row)]
        let file = dataset.files[Int(number)]
        return try RowConverter(dataset.entry).prompt(file, place)
    }

    /// The answers of a row of which one is better.
    ///
    /// - Throws: ``RowFailure`` with the row's place.
    package func rankedAnswers(_ reference: Reference) throws(RowFailure) -> RankedAnswers {
        let dataset = datasets[Int(reference.dataset)]
        let (number, place) = dataset.rows[Int(reference.row)]
        let file = dataset.files[Int(number)]
        return try RowConverter(dataset.entry).rankedAnswers(file, place)
    }

    /// The answer of a row that says whether it is desirable.
    ///
    /// - Throws: ``RowFailure`` with the row's place.
    package func judgedAnswer(_ reference: Reference) throws(RowFailure) -> JudgedAnswer {
        let dataset = datasets[Int(reference.dataset)]
        let (number, place) = dataset.rows[Int(reference.row)]
        let file = dataset.files[Int(number)]
        return try RowConverter(dataset.entry).judgedAnswer(file, place)
    }

    /// A row as it stands in its file.
    package func row(_ reference: Reference) throws(RowProblem) -> JSONValue {
        let dataset = datasets[Int(reference.dataset)]
        let (number, place) = dataset.rows[Int(reference.row)]
        return try dataset.files[Int(number)].row(at: place)
    }

    /// A problem of a row with its place.
    package func wrongRow(_ problem: RowProblem, _ reference: Reference) -> WrongRow {
        let (file, position) = place(of: reference)
        return problem.at(file: file, position: position)
    }

    /// The file of a row and where it begins there.
    package func place(of reference: Reference) -> (file: String, position: RowPosition) {
        let dataset = datasets[Int(reference.dataset)]
        let (file, place) = dataset.rows[Int(reference.row)]
        return (dataset.files[Int(file)].name, place.position)
    }

    /// The columns that rows of a dataset's files have, in the order they are met.
    ///
    /// - Parameter atMost: rows of each file that are looked at, taking part or not
    /// - Throws: ``ConversationError/file(path:problem:)`` for a list that is cut off.
    package func columns(of dataset: Int, atMost: Int = .max) throws(ConversationError) -> [String]
    {
        var found: [String] = []
        for file in datasets[dataset].files {
            var places = try file.places()
            var count = 0
            while count < atMost, let place = try places.next() {
                count += 1
                let row = try? file.row(at: place)
                for member in row?.members ?? [] where !found.contains(member.key) {
                    found.append(member.key)
                }
            }
        }
        return found
    }

    /// Checks that the columns of every dataset are there.
    ///
    /// - Parameter use: what is learned of them.
    /// - Returns: what users may want to know about columns that are not read.
    /// - Throws: ``ConversationError/columns(dataset:missing:found:)``.
    package func checkColumns(
        for use: DatasetUse = .answers
    ) throws(ConversationError) -> [String] {
        var notices: [String] = []
        for (number, dataset) in datasets.enumerated() {
            let entry = dataset.entry
            let isAlpaca = entry.formatting == .alpaca
            var wanted = entry.statedColumns.union(use.wantedColumns(of: entry))
            // Where the question stands in the column of inputs alone, there is no prompt.
            if entry.columns["prompt"] == nil, entry.columns["query"] != nil {
                wanted.remove("prompt")
            }
            let unused = isAlpaca ? ["messages"] : ["prompt", "query", "response", "history"]
            wanted.subtract(unused + (use == .pairs ? ["response"] : []))
            var found = Set(try columns(of: number, atMost: 64))
            func missing() -> [String] {
                wanted.filter { key in !(entry.columns[key].map { found.contains($0) } ?? false) }
                    .map { entry.columns[$0] ?? "\($0) (columns: does not name it)" }.sorted()
            }
            if !missing().isEmpty { found = Set(try columns(of: number)) }
            // Without a single row that can be read, the first of them says why.
            guard missing().isEmpty || found.isEmpty else {
                throw .columns(
                    dataset: entry.name, missing: missing(), found: Array(found.sorted().prefix(20))
                )
            }
            let read = Set(entry.columns.values)
            let passedOver = ["system", "history", "tools", "images", "videos", "audios"].filter {
                found.contains($0) && !read.contains($0)
            }
            let unknown = ["margin", "chat_template_kwargs"].filter {
                found.contains($0) && !read.contains($0) && use != .answers
                    && entry.formatting == .alpaca
            }
            if !unknown.isEmpty {
                notices.append(
                    "dataset \(entry.name): \(unknown.joined(separator: ", ")) found, which TRL reads, but not "
                        + "read; rows count without it")
            }
            if !passedOver.isEmpty {
                notices.append(
                    "dataset \(entry.name): \(passedOver.joined(separator: ", ")) found, but not "
                        + "read; name it under columns: in dataset_info.json to use it")
            }
        }
        return notices
    }
}

/// Why a row gives no example.
package enum RowFailure: Error {
    case wrong(RowProblem)
    /// It holds something other than text.
    case media(column: String)
}
