import Files
import Foundation
import Metrics
import Templates

/// Questions of many subjects with four choices, as LLaMA-Factory 0.9.3 evaluates them: mmlu, ceval, cmmlu.
///
/// A prompt is a conversation of the template: `n_shot` solved questions of the subject's dev set, the first
/// ones, then the question. The letter whose logit is the largest behind it is the answer; its token is the
/// last of the bare letter (` A` with a space is what lm-evaluation-harness scores). Source: LLaMA-Factory
/// 0.9.3, src/llamafactory/eval.
struct SubjectTask: EvaluationTask {
    let name: String
    let requests: [TaskRequest]
    let notes: [String]
    private let subjects: [Subject]

    private struct Subject {
        let key: String
        let category: String
        /// Letters.
        let answers: [String]
    }

    private static let letters = ["A", "B", "C", "D"]
    private static let categories = ["STEM", "Social Sciences", "Humanities", "Other"]
    /// Shots unless given.
    private static let shots = 5

    /// How a benchmark's files lie in its folder.
    private struct Layout {
        let name: String
        /// Splits by what follows the benchmark's name, with the folder that holds them.
        let splits: [String: String]
        /// A file's name from subject and folder.
        let file: @Sendable (_ subject: String, _ folder: String) -> String
        /// Columns where the files have no line of names.
        let columns: [String]?
        /// What the columns of question and answer are called.
        let question, answer: String
        /// Splits that are published without answers.
        let unanswered: Set<String>
    }

    private static let layouts = [
        Layout(
            name: "mmlu", splits: ["test": "test", "validation": "val"],
            file: { "\($1)/\($0)_\($1).csv" },
            columns: ["question", "A", "B", "C", "D", "answer"], question: "question",
            answer: "answer", unanswered: []),
        Layout(
            name: "ceval", splits: ["validation": "val", "test": "test"],
            file: { "\($1)/\($0)_\($1).csv" }, columns: nil, question: "question",
            answer: "answer", unanswered: ["test"]),
        Layout(
            name: "cmmlu", splits: ["test": "test"], file: { "\($1)/\($0).csv" }, columns: nil,
            question: "Question", answer: "Answer", unanswered: []),
    ]

    static let names = ["mmlu_test", "mmlu_validation", "ceval_validation", "cmmlu_test"]

    /// - Returns: `nil` for a name that is no such task's.
    /// - Throws: ``EvaluationError/user(_:)`` for data that are missing or damaged.
    init?(named name: String, _ setting: TaskSetting) throws(EvaluationError) {
        let parts = name.split(separator: "_", maxSplits: 1).map(String.init)
        guard parts.count == 2, let layout = Self.layouts.first(where: { $0.name == parts[0] }),
            let split = layout.splits[parts[1]]
        else { return nil }
        guard !layout.unanswered.contains(split) else {
            throw .user(
                "task: \(name) has no answers to compare with; take \(layout.name)_validation")
        }
        guard let encoder = setting.encoder else {
            throw .user("task \(name): template is not set; give one, such as template: fewshot")
        }
        self.name = name
        let writer = try Writer(layout, split, encoder, setting)
        var subjects: [Subject] = []
        var requests: [TaskRequest] = []
        for (key, title, category) in try writer.mapping() {
            let (own, answers) = try writer.requests(of: key, titled: title)
            subjects.append(Subject(key: key, category: category, answers: answers))
            requests += own
        }
        (self.subjects, self.requests) = (subjects, requests)
        notes = [
            "\(name): template \(encoder.format.name), \(writer.shots) shots, the first of each "
                + "subject's dev set; the letters' tokens are scored without a space, as "
                + "LLaMA-Factory does"
        ]
    }

    func result(_ answers: [TaskAnswer]) -> TaskResult {
        var (place, right) = (0, [String: (right: Int, all: Int)]())
        var results: [JSONValue.Member] = []
        for subject in subjects {
            var members: [JSONValue.Member] = []
            for (number, wanted) in subject.answers.enumerated() {
                let scores = answers[place..<place + Self.letters.count].map(\.logProbability)
                place += Self.letters.count
                let best = scores.indices.max { (scores[$0], $1) < (scores[$1], $0) } ?? 0
                let found = Self.letters[best]
                members.append((key: String(number), value: .string(found)))
                for name in ["Average", subject.category] {
                    right[name, default: (0, 0)].all += 1
                    right[name, default: (0, 0)].right += found == wanted ? 1 : 0
                }
            }
            results.append((key: subject.key, value: .object(members)))
        }
        let shares = (["Average"] + Self.categories).compactMap { name in
            right[name].map { (name: name, value: Double($0.right) / Double($0.all)) }
        }
        let lines = shares.map { share in
            String(repeating: " ", count: max(0, 15 - share.name.count)) + share.name + ": "
                + String(format: "%.2f", 100 * share.value)
        }
        return TaskResult(
            figures: shares.map {
                Figure(
                    name: $0.name == "Average"
                        ? name : "\(name)_\($0.name.lowercased().replacing(" ", with: "_"))",
                    value: $0.value)
            },
            lines: lines,
            files: [
                PredictionFile(
                    name: "results.json", text: JSONValue.object(results).text(indent: 2),
                    count: place / Self.letters.count),
                PredictionFile(
                    name: "results.log", text: lines.joined(separator: "\n"), count: lines.count),
            ])
    }

    /// Reads the files and writes prompts.
    private struct Writer {
        let layout: Layout
        let split: String
        let encoder: any ConversationEncoding
        let setting: TaskSetting
        let folder: String
        let letterIDs: [Int32]

        var shots: Int { setting.shots ?? SubjectTask.shots }

        init(
            _ layout: Layout, _ split: String, _ encoder: any ConversationEncoding,
            _ setting: TaskSetting
        ) throws(EvaluationError) {
            self.layout = layout
            self.split = split
            self.encoder = encoder
            self.setting = setting
            folder = setting.folder + "/" + layout.name
            var ids: [Int32] = []
            for letter in SubjectTask.letters {
                guard let id = setting.tokenizer.encode(letter, addSpecialTokens: false).last else {
                    throw .user("task \(layout.name): the tokenizer has no token for '\(letter)'")
                }
                ids.append(id)
            }
            letterIDs = ids
        }

        /// Subjects in the order of mapping.json, with what prompts call them and their category.
        func mapping() throws(EvaluationError) -> [(key: String, title: String, category: String)] {
            let path = folder + "/mapping.json"
            let bytes: [UInt8]
            do {
                bytes = try RegularFile.bytes(path)
            } catch {
                throw .user(
                    "cannot read '\(path)': \(error.problem); task_dir has to hold "
                        + "\(layout.name)/mapping.json and the subjects' CSV files beside it, as "
                        + "docs/evaluation.md describes")
            }
            let wanted =
                "expected {\"subject\": {\"name\": …, \"category\": one of "
                + SubjectTask.categories.joined(separator: ", ") + "}, …}"
            guard let members = (try? JSONValueReader.read(bytes[...]))?.members, !members.isEmpty
            else { throw .user("\(path): \(wanted)") }
            var found: [(key: String, title: String, category: String)] = []
            for (key, value) in members {
                guard let title = value["name"]?.string, let category = value["category"]?.string,
                    SubjectTask.categories.contains(category), !key.contains("/")
                else { throw .user("\(path): \(key): found \(value.text()), \(wanted)") }
                found.append((key, title, category))
            }
            return found
        }

        /// Where a subject's questions of a split are: beside mapping.json, or in `data`, as the archives
        /// have them.
        private func path(_ subject: String, _ split: String) throws(EvaluationError) -> String {
            let name = layout.file(subject, split)
            let places = ["\(folder)/\(name)", "\(folder)/data/\(name)"]
            guard let path = places.first(where: FileManager.default.fileExists(atPath:)) else {
                throw .user(
                    "'\(places[0])' does not exist, though mapping.json names '\(subject)'; unpack "
                        + "the benchmark's archive there (\(layout.name).zip), as "
                        + "docs/evaluation.md describes")
            }
            return path
        }

        /// Questions with their answers.
        private func questions(
            _ subject: String, _ split: String, most: Int? = nil
        ) throws(EvaluationError) -> [(text: String, answer: String)] {
            let file = try TaskRows(try path(subject, split), columns: layout.columns)
            var questions: [(text: String, answer: String)] = []
            for row in file.rows.prefix(most ?? .max) {
                func text(_ column: String) throws(EvaluationError) -> String {
                    guard let value = row.values.member(column) else {
                        let columns = (row.values.members ?? []).map(\.key)
                        throw file.mistake(
                            row,
                            "no column \(column); found \(columns.joined(separator: ", "))")
                    }
                    return value.string ?? ""
                }
                let answer = try text(layout.answer)
                guard SubjectTask.letters.contains(answer) else {
                    throw file.mistake(
                        row, "answer: found '\(answer)', expected A, B, C or D")
                }
                var question = try text(layout.question)
                for letter in SubjectTask.letters { question += "\n\(letter). \(try text(letter))" }
                questions.append((question + ending, answer))
            }
            return questions
        }

        private var ending: String { setting.language == .zh ? "\n答案：" : "\nAnswer:" }

        private func heading(_ title: String) -> String {
            setting.language == .zh
                ? "以下是中国关于\(title)考试的单项选择题，请选出其中的正确答案。\n\n"
                : "The following are multiple choice questions (with answers) about \(title).\n\n"
        }

        /// Four requests a question, and the answers.
        func requests(
            of subject: String, titled title: String
        ) throws(EvaluationError) -> (requests: [TaskRequest], answers: [String]) {
            let solved = shots > 0 ? try questions(subject, "dev", most: shots) : []
            var before: [ConversationMessage] = []
            for question in solved {
                before.append(ConversationMessage(.user, question.text))
                before.append(ConversationMessage(.assistant, question.answer))
            }
            var requests: [TaskRequest] = []
            var answers: [String] = []
            for question in try questions(subject, split, most: setting.most) {
                var messages = before + [ConversationMessage(.user, question.text)]
                messages[0].content = heading(title) + messages[0].content
                let place = "task \(layout.name), subject \(subject)"
                let prompt: [Int32]
                do throws(TemplateError) {
                    prompt = try encoder.promptIDs(messages, system: "", tools: "")
                } catch {
                    throw .user("\(place): \(error)")
                }
                try setting.check(prompt, of: place)
                guard !setting.description.hasFixedPositions || prompt.count <= setting.length
                else {
                    throw .user(
                        "\(place): a prompt of \(prompt.count) tokens, but the model has "
                            + "\(setting.length) positions; set a smaller n_shot")
                }
                requests += letterIDs.map { .likelihood(context: prompt, continuation: [$0]) }
                answers.append(question.answer)
            }
            return (requests, answers)
        }
    }
}
