package import Datasets
import Files
import Templates

/// Which texts a run labels, and where their labels stand.
package struct LabelSettings: Sendable {
    /// Datasets, what is held out, and how rows are mixed, as for conversations.
    package var data: InstructionSettings
    /// The column of the text, or the two of a pair; found by their usual names where there are none.
    package var textColumns: [String] = []
    package var labelColumn: String?
    /// What has labels.
    package var subject = LabelSubject.texts
    /// Whether labels are numbers to come near to; told by fractions where it is not given.
    package var regression: Bool?

    package init(_ data: InstructionSettings) { self.data = data }
}

/// What has labels.
package enum LabelSubject: Sendable {
    /// A text, or a pair.
    case texts
    /// Each word of a text.
    case words
    /// A question about a context; labels are its answers.
    case questions
    /// Texts that belong together, without labels.
    case groups
}

/// A text with its label, as its row has them.
package struct LabeledRow: Sendable {
    package enum Content: Sendable {
        case text(String, pair: String?)
        case words([String])
        case question(String, context: String, id: String?)
        /// An anchor, its positive and hard negatives, or an anchor alone.
        case group([String])
    }

    let content: Content
    /// `nil` where there is none.
    let label: JSONValue?
}

/// The rows of a run that labels texts.
package struct LabeledRows: Sendable {
    /// Rows that belong together.
    package struct Part: Sendable {
        /// Each with its place, for messages.
        package fileprivate(set) var rows:
            [(row: LabeledRow, place: (file: String, position: RowPosition))]
        package let isLearned: Bool
        /// The dataset, where each is evaluated by itself.
        package let name: String?
    }

    package private(set) var parts: [Part] = []
    package private(set) var report = InstructionReport()
    /// The files of the rows that are learned from.
    package private(set) var files: [String] = []
    private let settings: LabelSettings

    /// Reads, mixes and divides the datasets.
    ///
    /// - Throws: ``ConversationError`` for what is wrong with the settings or the data; wrong rows only
    ///   with `isStrict`, or where a dataset has no other.
    package init(_ settings: LabelSettings) throws(ConversationError) {
        let data = settings.data
        try data.validate()
        self.settings = settings
        let catalog = try DatasetCatalog(data.folder, listed: data.listed, caches: data.caches)
        var generator = LegacyNumPyGenerator(seed: data.seed)
        if !data.datasets.isEmpty {
            let (rows, order) = try Self.order(data.datasets, catalog, data, &generator)
            let (learned, held) = try DatasetMixing.split(
                order, size: data.heldOut, seed: data.seed)
            files = rows.datasets.flatMap(\.entry.files)
            if data.trains { try add(rows, learned, isLearned: true) }
            if !held.isEmpty { try add(rows, held, isLearned: false) }
        }
        let each = data.evaluatedNames
        for names in each.isEmpty ? [data.evaluationDatasets] : each.map({ [$0] })
        where !names.isEmpty {
            let (rows, order) = try Self.order(names, catalog, data, &generator)
            try add(rows, order, isLearned: false, name: each.isEmpty ? nil : names[0])
        }
    }

    private static func order(
        _ names: [String], _ catalog: DatasetCatalog, _ data: InstructionSettings,
        _ generator: inout LegacyNumPyGenerator
    ) throws(ConversationError) -> (DatasetRows, [DatasetRows.Reference]) {
        var entries: [DatasetEntry] = []
        for name in names { entries.append(try catalog.entry(name)) }
        let rows = try DatasetRows(entries, limit: data.rowLimit)
        let selected = DatasetMixing.selected(
            rows.datasets.map(\.rowCount), samples: entries.map(\.sampleCount),
            limit: data.rowLimit, &generator)
        return (
            rows,
            DatasetMixing.mixed(selected, data.mixing, data.probabilities, seed: data.seed)
        )
    }

    private mutating func add(
        _ rows: DatasetRows, _ order: [DatasetRows.Reference], isLearned: Bool,
        name: String? = nil
    ) throws(ConversationError) {
        var columns: [LabelColumns] = []
        for number in rows.datasets.indices {
            columns.append(
                try LabelColumns(
                    settings, rows.datasets[number].entry,
                    found: rows.columns(of: number, atMost: 64)))
        }
        let known = columns
        let read = order.mapped(threads: settings.data.threads, portion: 256) { reference in
            let wanted = known[Int(reference.dataset)]
            return Result { () throws(RowProblem) in
                try wanted.row(rows.row(reference), isLearned: isLearned)
            }
        }
        var part = Part(rows: [], isLearned: isLearned, name: name)
        var firstWrong: WrongRow?
        for (reference, result) in zip(order, read) {
            report.rows += 1
            switch result {
            case .success(let row):
                part.rows.append((row, rows.place(of: reference)))
            case .failure(let problem):
                let wrong = rows.wrongRow(problem, reference)
                guard !settings.data.isStrict else { throw .row(wrong) }
                firstWrong = firstWrong ?? wrong
                report.add(wrong)
            }
        }
        if part.rows.isEmpty, let firstWrong {
            throw .allRowsWrong(
                dataset: rows.datasets.map(\.entry.name).joined(separator: ", "),
                rows: order.count, first: firstWrong)
        }
        parts.append(part)
    }

    /// The names of all labels of the rows.
    ///
    /// - Throws: ``ConversationError/setting(name:found:expected:)`` where they are of different kinds, or
    ///   there are too few.
    package func labels() throws(ConversationError) -> LabelNames {
        let values = parts.flatMap { $0.rows.compactMap(\.row.label) }
        let names: LabelNames
        if settings.subject == .words {
            names = LabelNames(tags: values.map { $0.array ?? [] })
        } else {
            do throws(RowProblem) {
                names = try LabelNames(found: values, regression: settings.regression)
            } catch {
                throw .setting(
                    name: "the labels of the rows", found: error.found, expected: error.expected)
            }
        }
        let least = names.form == .one || names.form == .each ? 2 : 1
        guard names.names.count >= least else {
            throw .setting(
                name: "the labels of the rows",
                found: names.names.isEmpty ? "none" : "only \"\(names.names[0])\"",
                expected: "at least \(least) different ones")
        }
        return names
    }
}

/// Where texts and labels stand in a dataset's rows.
struct LabelColumns: Sendable {
    let texts: [String]
    let label: String
    private let subject: LabelSubject

    /// Pairs and texts by the names that datasets give them.
    private static let usualTexts = [
        ["sentence1", "sentence2"], ["premise", "hypothesis"], ["question1", "question2"],
        ["question", "sentence"], ["text1", "text2"], ["text_a", "text_b"], ["sentence"],
        ["text"], ["content"], ["review"],
    ]
    private static let usualLabels = ["label", "labels", "score", "class"]
    private static let usualWords = [["tokens"], ["words"]]
    private static let usualQuestions = [["question", "context"]]
    private static let usualAnswers = ["answers", "answer"]
    private static let usualTags = ["tags", "ner_tags", "pos_tags", "labels", "label"]

    /// - Parameter found: the columns of the dataset's rows.
    init(
        _ settings: LabelSettings, _ entry: DatasetEntry, found: [String]
    ) throws(ConversationError) {
        subject = settings.subject
        func stated(_ key: String) -> String? {
            entry.statedColumns.contains(key) ? entry.columns[key] : nil
        }
        let pair = [stated("prompt"), stated("query")].compactMap { $0 }
        let (usual, labels) =
            switch subject {
            case .texts: (Self.usualTexts, Self.usualLabels)
            case .words: (Self.usualWords, Self.usualTags)
            case .questions: (Self.usualQuestions, Self.usualAnswers)
            case .groups: ([GroupColumns.named(entry, found: found)], [])
            }
        let texts =
            !settings.textColumns.isEmpty
            ? settings.textColumns
            : !pair.isEmpty && subject != .groups
                ? pair : usual.first { $0.allSatisfy(found.contains) } ?? usual[0]
        label =
            settings.labelColumn ?? stated("response") ?? labels.first(where: found.contains)
            ?? labels.first ?? ""
        self.texts = texts
        // Labels may be wanting in what is only to be labelled.
        // Where no row can be read, each says why.
        let missing = found.isEmpty ? [] : texts.filter { !found.contains($0) }
        guard missing.isEmpty else {
            if subject == .groups { throw GroupColumns.missing(missing, entry, found: found) }
            throw .labelColumns(dataset: entry.name, missing: missing, found: found)
        }
        guard found.contains(label) || found.isEmpty || settings.labelColumn == nil else {
            throw .labelColumns(dataset: entry.name, missing: [label], found: found)
        }
    }

    /// - Parameter isLearned: whether it needs a label.
    func row(_ row: JSONValue, isLearned: Bool) throws(RowProblem) -> LabeledRow {
        if subject == .groups { return try GroupColumns.row(row, texts) }
        let value = row[label].flatMap { $0.string?.isEmpty == true ? nil : $0 }
        guard value != nil || !isLearned else {
            throw RowProblem(found: "no \(label)", expected: "a label")
        }
        if subject == .questions { return try question(row, value) }
        guard subject == .words else {
            var parts: [String] = []
            for column in texts {
                guard let text = row.member(column)?.string else {
                    throw RowProblem(
                        found: "\(column): \(row.member(column)?.kind ?? "missing")",
                        expected: "a text")
                }
                parts.append(text)
            }
            return LabeledRow(
                content: .text(parts[0], pair: parts.count > 1 ? parts[1] : nil), label: value)
        }
        let words = row[texts[0]]?.array?.compactMap(\.string) ?? []
        guard !words.isEmpty, words.count == row[texts[0]]?.array?.count else {
            throw RowProblem(
                found: "\(texts[0]): \(row[texts[0]]?.kind ?? "missing")",
                expected: "a list of words")
        }
        if let value, value.array?.count != words.count {
            throw RowProblem(
                found:
                    "\(words.count) words and \(value.array.map { "\($0.count)" } ?? value.kind) tags",
                expected: "a tag for each word")
        }
        return LabeledRow(content: .words(words), label: value)
    }

    /// A question about a context. SQuAD marks those without an answer.
    private func question(_ row: JSONValue, _ answers: JSONValue?) throws(RowProblem) -> LabeledRow
    {
        var parts: [String] = []
        for column in texts {
            guard let text = row.member(column)?.string else {
                throw RowProblem(
                    found: "\(column): \(row.member(column)?.kind ?? "missing")", expected: "a text"
                )
            }
            parts.append(text)
        }
        let isImpossible = row["is_impossible"]?.bool == true
        return LabeledRow(
            content: .question(
                parts[0], context: parts[1], id: row["id"].flatMap(LabelNames.name)),
            label: isImpossible ? .array([]) : answers)
    }
}
