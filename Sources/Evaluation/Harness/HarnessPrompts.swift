import Files
import Jinja
import Templates

/// Writes the prompts of a task.
///
/// Source: lm-evaluation-harness 0.4.13, api/task.py (`fewshot_context`, `build_qa_turn`).
struct HarnessPrompts {
    /// What is asked of a document.
    struct Question {
        /// One context of all choices, or one of each.
        var contexts: [String]
        /// What is scored behind the contexts; of a text to be written none.
        var continuations: [String]
        /// The right answer as the task names it.
        var target: JSONValue
        /// The right choice or choices, by number; empty of other tasks.
        var right: [Int] = []
        /// What a text to be written is compared with; empty of other tasks.
        var references: [String] = []
        var choices: [String] = []
        /// What stands before each choice.
        var delimiter = ""
    }

    let definition: HarnessDefinition
    /// How prompts are conversations; `nil` where they are plain text.
    private let chat: HarnessChat?
    /// What stands before the task's description; empty for nothing.
    private let instruction: String
    private let text, target: HarnessReader
    private let choices: HarnessReader?
    private let description, prefix: HarnessReader?

    /// - Parameter columns: of the task's documents.
    init(
        _ definition: HarnessDefinition, columns: Set<String>, chat: HarnessChat? = nil,
        instruction: String = ""
    ) throws(EvaluationError) {
        self.definition = definition
        (self.chat, self.instruction) = (chat, instruction)
        let task = definition.task
        text = try HarnessReader("doc_to_text", definition.text, of: task, columns: columns)
        target = try HarnessReader("doc_to_target", definition.target, of: task, columns: columns)
        choices =
            if let choices = definition.choices {
                try HarnessReader("doc_to_choice", choices, of: task, columns: columns)
            } else { nil }
        description =
            if definition.description.isEmpty { nil } else {
                try HarnessReader(
                    "description", .text(definition.description), of: task, columns: columns)
            }
        prefix =
            if let prefix = definition.prefix {
                try HarnessReader("gen_prefix", .text(prefix), of: task, columns: columns)
            } else { nil }
    }

    private var hasChoices: Bool { choices != nil }

    private func asked(_ document: JSONValue) throws(RowProblem) -> JSONValue {
        try text.target(document, hasChoices: hasChoices, readsLists: false)
    }

    private func wanted(_ document: JSONValue) throws(RowProblem) -> JSONValue {
        try target.target(document, hasChoices: hasChoices, readsLists: true)
    }

    /// A solved document.
    private func shot(_ document: JSONValue) throws(RowProblem) -> [HarnessMessage] {
        let choices = try choices?.choices(document)
        var question = try asked(document)
        let answer = try wanted(document)
        var options = choices
        if let place = question.integer, let choices {
            // The choices are contexts, and the target is what follows them.
            question = .string(try Self.choice(place, of: choices))
            options = nil
        }
        guard let text = question.string else {
            throw RowProblem(found: "doc_to_text: \(question.kind)", expected: "a text")
        }
        let found: String
        if let place = answer.integer, let options {
            found = try Self.choice(place, of: options)
        } else if let list = answer.array {
            guard let first = list.first else {
                throw RowProblem(found: "doc_to_target: an empty list", expected: "an answer")
            }
            found = first.pythonText
        } else {
            found = answer.pythonText
        }
        let prefix = try self.prefix?.text(document) ?? ""
        guard !found.isEmpty else {
            return turn(text, prefix, joint: definition.targetDelimiter)
        }
        let joint =
            prefix.isEmpty || Self.needsDelimiter(text, prefix) ? definition.targetDelimiter : ""
        return [
            HarnessMessage(role: .user, content: text, delimiter: joint),
            HarnessMessage(
                role: .assistant, content: Self.delimited(prefix, found),
                delimiter: definition.shotDelimiter),
        ]
    }

    /// A question, and the beginning of its answer where there is one.
    private func turn(_ text: String, _ prefix: String, joint: String) -> [HarnessMessage] {
        guard !prefix.isEmpty else { return [HarnessMessage(role: .user, content: text)] }
        return [
            HarnessMessage(
                role: .user, content: text,
                delimiter: Self.needsDelimiter(text, prefix) ? joint : ""),
            HarnessMessage(role: .assistant, content: prefix),
        ]
    }

    private static func choice(_ place: Int, of choices: [String]) throws(RowProblem) -> String {
        guard choices.indices.contains(place) else {
            throw RowProblem(
                found: "answer \(place)", expected: "one of the \(choices.count) choices")
        }
        return choices[place]
    }

    private static func isSpace(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { $0.properties.isWhitespace } ?? false
    }

    private static func needsDelimiter(_ text: String, _ next: String) -> Bool {
        !text.isEmpty && !isSpace(text.unicodeScalars.last)
            && !isSpace(next.unicodeScalars.first)
    }

    private static func delimited(
        _ prefix: String, _ text: String, by delimiter: String = " "
    ) -> String {
        guard !prefix.isEmpty, !text.isEmpty else { return prefix + text }
        return prefix + (needsDelimiter(prefix, text) ? delimiter : "") + text
    }

    /// The text of a prompt.
    private func written(_ messages: [HarnessMessage]) throws(RowProblem) -> String {
        try chat?.text(messages) ?? messages.map(\.text).joined()
    }

    /// What stands before choices: behind a chat template nothing, but for a begun answer without a space.
    private var choiceDelimiter: String {
        guard chat != nil else { return definition.targetDelimiter }
        let prefix = definition.prefix ?? ""
        return prefix.isEmpty || Self.isSpace(prefix.unicodeScalars.last)
            ? "" : definition.targetDelimiter
    }

    /// What is asked of a document, after some solved ones.
    func question(
        _ document: JSONValue, after shots: [JSONValue]
    ) throws(RowProblem) -> Question {
        guard definition.output != .rolling else {
            let text = try wanted(document).pythonText
            return Question(contexts: [], continuations: [text], target: .string(text))
        }
        var before: [HarnessMessage] = []
        let system = Self.delimited(
            instruction, try description?.text(document) ?? "", by: definition.shotDelimiter)
        if !system.isEmpty { before.append(HarnessMessage(role: .system, content: system)) }
        for shot in shots { before += try self.shot(shot) }
        let asked = try asked(document)
        let wanted = try wanted(document)
        let prefix = try self.prefix?.text(document) ?? ""
        func context(_ text: String, _ joint: String) throws(RowProblem) -> String {
            try written(before + turn(text, prefix, joint: joint))
        }
        guard definition.output == .choice, let choices else {
            guard let text = asked.string else {
                throw RowProblem(found: "doc_to_text: \(asked.kind)", expected: "a text")
            }
            let isWritten = definition.output == .text
            return Question(
                contexts: [try context(text, definition.targetDelimiter)],
                continuations: definition.output == .likelihood ? [wanted.pythonText] : [],
                target: wanted, references: isWritten ? try references(wanted, document) : [])
        }
        let options = try choices.choices(document)
        var question = Question(
            contexts: [], continuations: [], target: wanted, choices: options,
            delimiter: choiceDelimiter)
        if let place = asked.integer {
            for option in options { question.contexts.append(try context(option, "")) }
            question.continuations = [question.delimiter + wanted.pythonText]
            question.right = try right(.int(place), of: options)
        } else {
            guard let text = asked.string else {
                throw RowProblem(found: "doc_to_text: \(asked.kind)", expected: "a text")
            }
            question.contexts = [try context(text, definition.targetDelimiter)]
            question.continuations = options.map { question.delimiter + $0 }
            question.right = try right(wanted, of: options)
        }
        return question
    }

    /// The texts of which one is to be written: where there are choices, the one that the target numbers.
    private func references(
        _ target: JSONValue, _ document: JSONValue
    ) throws(RowProblem) -> [String] {
        guard let options = try choices?.choices(document) else {
            return target.array?.map(\.pythonText) ?? [target.pythonText]
        }
        guard let place = target.integer ?? target.bool.map({ $0 ? 1 : 0 }) else {
            throw RowProblem(
                found: "doc_to_target: \(target.kind)",
                expected: "the number from 0 of one of doc_to_choice's \(options.count) choices")
        }
        return [try Self.choice(place, of: options)]
    }

    /// The numbers of the right choices.
    private func right(_ target: JSONValue, of choices: [String]) throws(RowProblem) -> [Int] {
        let wanted = target.array ?? [target]
        var places: [Int] = []
        for value in wanted {
            let place =
                switch value {
                case .bool(let isTrue): isTrue ? 1 : 0
                case .number: value.integer
                default: value.string.flatMap { choices.firstIndex(of: $0) }
                }
            guard let place, choices.indices.contains(place) else {
                throw RowProblem(
                    found: "answer \(value.text())",
                    expected: "one of the \(choices.count) choices or its number from 0")
            }
            places.append(place)
        }
        return places
    }
}
