import Files
import Jinja
import Templates
import Tokenizers

/// Writes the prompts of a CORE task.
struct CorePrompts {
    private let entry: CoreBundle.Entry
    private let setting: TaskSetting
    private let shots: Int
    private let prefix: Int32
    private let rows: TaskRows

    /// - Parameter shots: in place of the task's own number.
    init(
        _ entry: CoreBundle.Entry, _ setting: TaskSetting, shots: Int?
    ) throws(EvaluationError) {
        self.entry = entry
        self.setting = setting
        self.shots = shots ?? entry.shots
        prefix = try setting.prefix(of: entry.label)
        rows = try TaskRows(entry.path)
    }

    /// The documents in the order of their shuffle, their requests added to all.
    func documents(
        most: Int?, _ requests: inout [TaskRequest]
    ) throws(EvaluationError) -> [CoreDocument] {
        var order = Array(rows.rows.indices)
        var random = PythonRandom(seed: 1337)
        random.shuffle(&order)
        if let most { order = Array(order.prefix(most)) }
        guard shots < order.count else {
            throw .user(
                "\(entry.path): \(shots) shots from the others of \(order.count) documents; set a "
                    + "smaller n_shot or a larger max_samples")
        }
        var documents: [CoreDocument] = []
        for (number, place) in order.enumerated() {
            var drawn: [JSONValue] = []
            if shots > 0 {
                let others = order.indices.filter { $0 != number }
                var random = PythonRandom(seed: 1234 + number)
                drawn = random.sample(shots, of: others.count).map {
                    rows.rows[order[others[$0]]].values
                }
            }
            let row = rows.rows[place]
            do throws(RowProblem) {
                documents.append(try document(row.values, after: drawn, &requests))
            } catch {
                throw rows.mistake(row, "found \(error.found), expected \(error.expected)")
            }
        }
        return documents
    }

    private func text(_ row: JSONValue, _ key: String) throws(RowProblem) -> String {
        guard let text = row[key]?.string else {
            throw RowProblem(
                found: row.member(key).map { "\(key): \($0.kind)" } ?? "no \(key)",
                expected: "a text \(key)")
        }
        return text
    }

    private func texts(_ row: JSONValue, _ key: String) throws(RowProblem) -> [String] {
        guard let list = row[key]?.array, list.count > 1,
            list.allSatisfy({ $0.string != nil })
        else {
            throw RowProblem(
                found: "\(key): \(row[key]?.kind ?? "nothing")", expected: "a list of texts")
        }
        return list.compactMap(\.string)
    }

    private func right(_ row: JSONValue, of count: Int) throws(RowProblem) -> Int {
        guard let gold = row["gold"]?.integer, (0..<count).contains(gold) else {
            throw RowProblem(
                found: "gold: \(row["gold"]?.kind ?? "nothing")",
                expected: "a number from 0 to \(count - 1)")
        }
        return gold
    }

    /// A solved document.
    private func shot(_ row: JSONValue) throws(RowProblem) -> String {
        let asked: String
        let answer: String
        switch entry.kind {
        case .choice:
            let choices = try texts(row, "choices")
            asked = try text(row, "query")
            answer = choices[try right(row, of: choices.count)]
        case .schema:
            let options = try texts(row, "context_options")
            asked = options[try right(row, of: options.count)]
            answer = try text(row, "continuation")
        case .language:
            asked = PythonPattern.stripped(try text(row, "context"))
            answer = try text(row, "continuation")
        }
        return asked + entry.delimiter + answer + "\n\n"
    }

    private func encoded(_ text: String) -> [Int32] {
        [prefix] + setting.tokenizer.encode(text, addSpecialTokens: false)
    }

    private func document(
        _ row: JSONValue, after shots: [JSONValue], _ requests: inout [TaskRequest]
    ) throws(RowProblem) -> CoreDocument {
        var before = ""
        for shot in shots { before += try self.shot(shot) }
        var options: [[Int32]]
        var starts: [Int]
        var gold: Int?
        switch entry.kind {
        case .choice:
            let choices = try texts(row, "choices")
            let query = try text(row, "query")
            gold = try right(row, of: choices.count)
            options = choices.map { encoded(before + query + entry.delimiter + $0) }
            let shared = Self.commonLength(options)
            starts = options.map { _ in shared }
        case .schema:
            let contexts = try texts(row, "context_options")
            let continuation = try text(row, "continuation")
            gold = try right(row, of: contexts.count)
            options = contexts.map { encoded(before + $0 + entry.delimiter + continuation) }
            let shared = Self.commonLength(options.map { Array($0.reversed()) })
            starts = options.map { $0.count - shared }
        case .language:
            let context = PythonPattern.stripped(try text(row, "context"))
            let prompt = before + context + entry.delimiter
            let bare = encoded(PythonPattern.stripped(prompt))
            options = [encoded(prompt + (try text(row, "continuation")))]
            // Where a token would cover the boundary, it is scored, too.
            starts = [Self.commonLength([bare, options[0]])]
        }
        for index in options.indices {
            // What is too long keeps its end.
            let excess = max(0, options[index].count - setting.length)
            options[index].removeFirst(excess)
            starts[index] = max(1, starts[index] - excess)
            if let id = options[index].first(where: { $0 >= setting.description.vocabularySize }) {
                throw RowProblem(
                    found: "id \(id) of the tokenizer",
                    expected: "ids in the model's \(setting.description.vocabularySize) rows")
            }
        }
        return CoreDocument(
            options: zip(options, starts).map { ids, start in
                guard start < ids.count else { return nil }
                requests.append(
                    .likelihood(
                        context: Array(ids[..<start]), continuation: Array(ids[start...])))
                return (requests.count - 1, ids.count - start)
            }, right: gold)
    }

    /// How many tokens all begin with.
    private static func commonLength(_ sequences: [[Int32]]) -> Int {
        let shortest = sequences.map(\.count).min() ?? 0
        return (0..<shortest).first { place in
            sequences.contains { $0[place] != sequences[0][place] }
        } ?? shortest
    }
}
