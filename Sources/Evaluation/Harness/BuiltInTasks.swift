import Files
import Jinja
import Templates

/// Tasks that need no task file: those of lm-evaluation-harness by the same names.
///
/// Source: lm-evaluation-harness 0.4.13, lm_eval/tasks. Rows are in the data sets' own columns.
enum BuiltInTasks {
    static let all: [HarnessDefinition] = [
        hellaswag, arc("arc_easy"), arc("arc_challenge"), piqa, winogrande, lambada, gsm8k, boolq,
        openbookqa, triviaqa,
    ]

    private static func metrics(_ kinds: HarnessMetric.Kind...) -> [HarnessMetric] {
        kinds.map { HarnessMetric($0) }
    }

    /// A column's text.
    private static func text(_ row: JSONValue, _ column: String) throws(RowProblem) -> String {
        guard let text = row[column]?.string else {
            let columns = (row.members ?? []).map(\.key).joined(separator: ", ")
            throw RowProblem(
                found: row.member(column).map { "\(column): \($0.kind)" } ?? "columns \(columns)",
                expected: "a text \(column)")
        }
        return text
    }

    private static let hellaswag: HarnessDefinition = {
        var task = HarnessDefinition(
            "hellaswag", .choice, text: .text("{{query}}"), target: .text("{{label}}"),
            choices: .text("choices"))
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.metrics = metrics(.accuracy, .normalizedAccuracy)
        task.version = .number("1.0")
        let brackets = PythonPattern(#"\[.*?\]"#)
        // WikiHow's headings and steps leave brackets in the texts.
        let cleaned = { @Sendable (text: String) -> String in
            let titled = PythonPattern.stripped(text).replacing(" [title]", with: ". ")
            let bare = brackets?.replacing(in: titled, with: "") ?? titled
            return bare.replacing("  ", with: " ")
        }
        task.process = { row throws(RowProblem) in
            let context =
                try text(row, "ctx_a") + " " + PythonPattern.capitalized(try text(row, "ctx_b"))
            let query = try text(row, "activity_label") + ": " + context
            guard let endings = row["endings"]?.array?.compactMap(\.string), !endings.isEmpty else {
                throw RowProblem(
                    found: row["endings"]?.kind ?? "no endings", expected: "a list endings")
            }
            return row.setting("query", to: .string(cleaned(query)))
                .setting("choices", to: .array(endings.map { .string(cleaned($0)) }))
        }
        return task
    }()

    private static func arc(_ name: String) -> HarnessDefinition {
        var task = HarnessDefinition(
            name, .choice, text: .text("Question: {{question}}\nAnswer:"),
            target: .text("{{choices.label.index(answerKey)}}"), choices: .text("{{choices.text}}"))
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.testSplit = "test"
        task.metrics = metrics(.accuracy, .normalizedAccuracy)
        task.version = .number("1.0")
        task.process = { row throws(RowProblem) in
            // AI2's own files have the choices within the question, one by one.
            guard let question = row["question"], question.members != nil else { return row }
            return try flattened(row, question, stem: "question")
        }
        return task
    }

    /// A row of AI2's own files in the columns of its data set.
    private static func flattened(
        _ row: JSONValue, _ question: JSONValue, stem: String
    ) throws(RowProblem) -> JSONValue {
        let choices = question["choices"]?.array ?? []
        let texts = choices.compactMap { $0["text"]?.string }
        let labels = choices.compactMap { $0["label"]?.string }
        guard !texts.isEmpty, texts.count == choices.count, labels.count == choices.count else {
            throw RowProblem(found: "question \(question.text())", expected: "stem and choices")
        }
        return row.setting(stem, to: .string(try text(question, "stem")))
            .setting(
                "choices",
                to: .object([
                    ("text", .array(texts.map { .string($0) })),
                    ("label", .array(labels.map { .string($0) })),
                ]))
    }

    private static let piqa: HarnessDefinition = {
        var task = HarnessDefinition(
            "piqa", .choice, text: .text("Question: {{goal}}\nAnswer:"), target: .text("label"),
            choices: .text("{{[sol1, sol2]}}"))
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.metrics = metrics(.accuracy, .normalizedAccuracy)
        task.version = .number("1.0")
        return task
    }()

    /// The choices fill the blank in the context; what follows it is scored.
    private static let winogrande: HarnessDefinition = {
        let parts: @Sendable (JSONValue) throws(RowProblem) -> (before: String, after: String) = {
            row throws(RowProblem) in
            let sentence = try text(row, "sentence")
            guard let blank = sentence.firstIndex(of: "_") else {
                throw RowProblem(found: "sentence '\(sentence)'", expected: "a blank _ in it")
            }
            return (
                String(sentence[..<blank]),
                PythonPattern.stripped(String(sentence[sentence.index(after: blank)...]))
            )
        }
        var task = HarnessDefinition(
            "winogrande", .choice,
            text: .rule { row throws(RowProblem) in
                let answer = row["answer"]?.string ?? row["answer"]?.integer.map { "\($0)" } ?? ""
                guard let place = ["1", "2"].firstIndex(of: answer) else {
                    throw RowProblem(found: "answer '\(answer)'", expected: "1 or 2")
                }
                return .int(place)
            },
            target: .rule { row throws(RowProblem) in .string(try parts(row).after) },
            choices: .rule { row throws(RowProblem) in
                let before = try parts(row).before
                return .array([
                    .string(before + (try text(row, "option1"))),
                    .string(before + (try text(row, "option2"))),
                ])
            })
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.metrics = metrics(.accuracy)
        task.version = .number("1.0")
        return task
    }()

    private static let lambada: HarnessDefinition = {
        var task = HarnessDefinition(
            "lambada_openai", .likelihood,
            text: .text("{{text.split(' ')[:-1]|join(' ')}}"),
            target: .text("{{' '+text.split(' ')[-1]}}"))
        task.testSplit = "test"
        task.metrics = metrics(.perplexity, .accuracy)
        task.version = .number("1.0")
        return task
    }()

    private static let gsm8k: HarnessDefinition = {
        var task = HarnessDefinition(
            "gsm8k", .text, text: .text("Question: {{question}}\nAnswer:"),
            target: .text("{{answer}}"))
        (task.trainingSplit, task.testSplit, task.fewshotSplit) = ("train", "test", "train")
        task.shots = 5
        task.stops = ["Question:", "</s>", "<|im_end|>"]
        var metric = HarnessMetric(.exactMatch)
        metric.ignoresCase = true
        metric.ignoredPatterns = [",", #"\$"#, "(?s).*#### ", #"\.$"#].compactMap {
            PythonPattern($0)
        }
        task.metrics = [metric]
        let patterns = [
            ("strict-match", #"#### (\-?[0-9\.\,]+)"#, 0),
            ("flexible-extract", #"(-?[$0-9.,]{2,})|(-?[0-9]+)"#, -1),
        ]
        task.filters = patterns.map { name, source, match in
            let steps = PythonPattern(source).map {
                [HarnessFilter.Step.pattern($0, match: match, otherwise: "[invalid]")]
            }
            return HarnessFilter(name: name, steps: (steps ?? []) + [.first])
        }
        task.version = .number("3.0")
        return task
    }()

    private static let boolq: HarnessDefinition = {
        var task = HarnessDefinition(
            "boolq", .choice, text: .text("{{passage}}\nQuestion: {{question}}?\nAnswer:"),
            target: .text("label"),
            choices: .value(.array([.string("no"), .string("yes")])))
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.metrics = metrics(.accuracy)
        task.version = .number("2.0")
        task.process = { row in
            // The data set's own files have the answer as a truth value.
            guard row["label"] == nil, let answer = row["answer"]?.bool else { return row }
            return row.setting("label", to: .int(answer ? 1 : 0))
        }
        return task
    }()

    private static let openbookqa: HarnessDefinition = {
        var task = HarnessDefinition(
            "openbookqa", .choice, text: .text("question_stem"),
            target: .text("{{choices.label.index(answerKey.lstrip())}}"),
            choices: .text("{{choices.text}}"))
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.testSplit = "test"
        task.metrics = metrics(.accuracy, .normalizedAccuracy)
        task.version = .number("1.0")
        task.process = { row throws(RowProblem) in
            guard let question = row["question"], question.members != nil else { return row }
            return try flattened(row, question, stem: "question_stem")
        }
        return task
    }()

    private static let triviaqa: HarnessDefinition = {
        var task = HarnessDefinition(
            "triviaqa", .text, text: .text("Question: {{question}}?\nAnswer:"),
            target: .text("{{answer.aliases}}"))
        (task.trainingSplit, task.validationSplit) = ("train", "validation")
        task.stops = ["\n", ".", ","]
        var metric = HarnessMetric(.exactMatch)
        (metric.ignoresCase, metric.ignoresPunctuation) = (true, true)
        task.metrics = [metric]
        task.filters = [HarnessFilter(name: "remove_whitespace", steps: [.trimmed, .first])]
        task.version = .number("3.0")
        return task
    }()
}
