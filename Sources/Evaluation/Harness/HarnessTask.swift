import Files
import Foundation
import Metrics
import Templates

/// A task of lm-evaluation-harness's kind: its documents, their requests, and what the answers come to.
struct HarnessTask: EvaluationTask {
    /// A document with what was asked of it.
    struct Document {
        let row: JSONValue
        let question: HarnessPrompts.Question
        /// Its requests among the task's.
        let requests: Range<Int>
        /// Words and UTF-8 bytes of a whole text.
        var words = 0.0
        var bytes = 0.0
    }

    /// The figures of one filter and one metric over all documents.
    struct Column {
        let filter: HarnessFilter
        let metric: HarnessMetric
        let items: [HarnessMetric.Item]
    }

    let requests: [TaskRequest]
    let notes: [String]
    let definition: HarnessDefinition
    let shots: Int
    let documents: [Document]
    private let originalCount: Int
    private let files: [String]

    var name: String { definition.task }

    /// - Throws: ``EvaluationError/user(_:)`` for data that are missing or damaged.
    init(
        _ definition: HarnessDefinition, _ setting: TaskSetting
    ) throws(EvaluationError) {
        let shots = definition.output == .rolling ? 0 : setting.shots ?? definition.shots
        let data = try HarnessDocuments(definition, shots: shots, setting)
        self.definition = definition
        self.shots = shots
        originalCount = data.tried.count
        files = data.files
        let prompts = try HarnessPrompts(
            definition, columns: data.columns, chat: setting.chat,
            instruction: setting.systemInstruction)
        let tokens = try HarnessTokens(setting, of: definition.task)
        let limits = Self.limits(definition, setting)
        var drawn = HarnessShots(data, count: shots, definition, seed: setting.shotSeed)
        var requests: [TaskRequest] = []
        var documents: [Document] = []
        for (number, row) in data.tried.prefix(setting.most ?? .max).enumerated() {
            let place = "task \(definition.task), " + data.places[number]
            do throws(RowProblem) {
                let question = try prompts.question(row, after: try drawn.next(for: row))
                let own = try Self.requests(question, definition, limits, tokens)
                let count = requests.count
                requests += own
                var document = Document(
                    row: row, question: question, requests: count..<requests.count)
                if definition.output == .rolling {
                    let text = question.continuations[0]
                    document.words = Double(Self.words(text))
                    document.bytes = Double(text.utf8.count)
                }
                documents.append(document)
                for request in own { try Self.check(request, setting) }
            } catch {
                throw .user("\(place): found \(error.found), expected \(error.expected)")
            }
        }
        (self.requests, self.documents) = (requests, documents)
        notes =
            limits.drawing == nil
            ? []
            : [
                "task \(definition.task): texts are drawn (do_sample), by seed: the same on any "
                    + "number of ranks, but not those that other programs draw"
            ]
    }

    private static func limits(
        _ definition: HarnessDefinition, _ setting: TaskSetting
    ) -> TextLimits {
        var drawing = definition.drawing
        drawing?.seed = UInt64(bitPattern: Int64(setting.shotSeed ?? 1234))
        return TextLimits(
            stops: definition.stops ?? [definition.shotDelimiter], tokens: definition.longest,
            drawing: drawing)
    }

    private static func check(
        _ request: TaskRequest, _ setting: TaskSetting
    ) throws(RowProblem) {
        let size = setting.description.vocabularySize
        if let id = request.input.first(where: { $0 < 0 || $0 >= size }) {
            throw RowProblem(
                found: "id \(id) of the tokenizer", expected: "ids in the model's \(size) rows")
        }
    }

    private static func requests(
        _ question: HarnessPrompts.Question, _ definition: HarnessDefinition,
        _ limits: TextLimits, _ tokens: HarnessTokens
    ) throws(RowProblem) -> [TaskRequest] {
        var found: [TaskRequest?] = []
        switch definition.output {
        case .rolling: found = tokens.windows(question.continuations[0])
        case .text:
            found = Array(
                repeating: tokens.prompt(question.contexts[0], limits), count: definition.repeats)
            if found[0] == nil {
                throw RowProblem(
                    found: "max_gen_toks \(limits.tokens)",
                    expected: "fewer tokens than the model has positions")
            }
        case .choice, .likelihood:
            for context in question.contexts {
                for continuation in question.continuations {
                    found.append(tokens.pair(context, continuation))
                }
            }
            if definition.metricsUsed.contains(where: { $0.kind == .mutualInformationAccuracy }) {
                for choice in question.choices {
                    found.append(tokens.pair("", question.delimiter + choice))
                }
            }
        }
        let requests = found.compactMap { $0 }
        guard requests.count == found.count else {
            throw RowProblem(
                found: "a text to be scored without tokens, or longer than the model reads",
                expected: "one of 1 token or more")
        }
        return requests
    }

    /// As `len(re.split(r"\s+", text))` counts them.
    private static func words(_ text: String) -> Int {
        var (count, wasSpace) = (1, false)
        for scalar in text.unicodeScalars {
            let isSpace = scalar.isPythonSpace
            if isSpace, !wasSpace { count += 1 }
            wasSpace = isSpace
        }
        return count
    }

    // MARK: Results

    func result(_ answers: [TaskAnswer]) -> TaskResult {
        var columns: [Column] = []
        for filter in definition.filters {
            for metric in definition.metricsUsed {
                let items = documents.map {
                    item(of: $0, Array(answers[$0.requests]), filter, metric)
                }
                columns.append(Column(filter: filter, metric: metric, items: items))
            }
        }
        let rows = columns.map { column in
            TaskReport.Row(
                metric: column.metric.kind.rawValue, filter: column.filter.name,
                value: column.metric.aggregate(column.items),
                standardError: column.metric.standardError(column.items),
                isHigherBetter: column.metric.kind.isHigherBetter)
        }
        let report = TaskReport(
            task: name, version: definition.version, shots: shots, rows: rows,
            documents: documents.count, originalDocuments: originalCount,
            configuration: definition.json(shots: shots, files: files))
        let figures = rows.map { row in
            let filter = definition.filters.count > 1 ? "_" + row.filter : ""
            return Figure(name: "\(name)_\(row.metric)\(filter)", value: row.value)
        }
        return TaskResult(
            figures: figures, files: [samples(answers, columns)], report: report)
    }

    /// What a document adds to a metric. Source: lm-evaluation-harness's `process_results`.
    private func item(
        of document: Document, _ answers: [TaskAnswer], _ filter: HarnessFilter,
        _ metric: HarnessMetric
    ) -> HarnessMetric.Item {
        let question = document.question
        switch definition.output {
        case .rolling:
            let sum = answers.reduce(0.0) { $0 + $1.logProbability }
            return HarnessMetric.Item(
                value: sum,
                weight: metric.kind == .wordPerplexity ? document.words : document.bytes)
        case .likelihood:
            return HarnessMetric.Item(
                value: metric.kind == .perplexity
                    ? answers[0].logProbability : answers[0].isGreedy ? 1 : 0)
        case .text:
            let found = filter.answer(answers.map(\.text))
            return HarnessMetric.Item(
                value: metric.matches(found, question.references) ? 1 : 0)
        case .choice: return HarnessMetric.Item(value: choice(question, answers, metric) ? 1 : 0)
        }
    }

    /// Whether the likeliest choice is right.
    private func choice(
        _ question: HarnessPrompts.Question, _ answers: [TaskAnswer], _ metric: HarnessMetric
    ) -> Bool {
        let count = question.choices.count
        if metric.kind == .exactMatch {
            return question.right.contains { answers[$0].isGreedy }
        }
        let scores = (0..<count).map { number in
            let sum = answers[number].logProbability
            let choice = question.choices[number]
            switch metric.kind {
            case .normalizedAccuracy: return sum / Double(choice.unicodeScalars.count)
            case .byteAccuracy: return sum / Double(choice.utf8.count)
            case .mutualInformationAccuracy: return sum - answers[count + number].logProbability
            default: return sum
            }
        }
        let best = scores.indices.max { (scores[$0], $1) < (scores[$1], $0) } ?? 0
        return question.right.contains(best)
    }
}

/// The shots of one document after another.
struct HarnessShots {
    private let data: HarnessDocuments
    private let count: Int
    private let definition: HarnessDefinition
    private var random: PythonRandom

    /// - Parameter seed: lm-evaluation-harness's 1234 unless given. One generator goes on from document to
    ///   document, as there with one process; here ranks do not change it.
    init(
        _ data: HarnessDocuments, count: Int, _ definition: HarnessDefinition, seed: Int?
    ) {
        self.data = data
        self.count = count
        self.definition = definition
        random = PythonRandom(seed: seed ?? 1234)
    }

    mutating func next(for document: JSONValue) throws(RowProblem) -> [JSONValue] {
        guard count > 0 else { return [] }
        let pool = data.pool
        let needed = data.poolHasTried && definition.sampler == .random ? count + 1 : count
        guard pool.count >= needed else {
            throw RowProblem(
                found: "\(count) shots (n_shot) from \(pool.count) documents",
                expected: "at least \(needed) to take them from")
        }
        if definition.sampler == .first {
            let others = data.poolHasTried ? pool.filter { $0 != document } : pool
            return Array(others.prefix(count))
        }
        guard data.poolHasTried else {
            return random.sample(count, of: pool.count).map { pool[$0] }
        }
        var found = random.sample(needed, of: pool.count).map { pool[$0] }
            .filter { $0 != document }
        if found.count < count {
            let others = pool.filter { $0 != document }
            guard others.count >= count else {
                throw RowProblem(
                    found: "\(count) shots (n_shot) from \(others.count) other documents",
                    expected: "at least as many")
            }
            found = random.sample(count, of: others.count).map { others[$0] }
        }
        return Array(found.prefix(count))
    }
}
