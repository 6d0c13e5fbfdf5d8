import Files
import Foundation

/// Answers of an evaluation under way, in a file of its folder, so that it can go on.
///
/// The first line says of which requests and model they are; then one line an answer.
struct AnswerStore {
    static let fileName = "answers.jsonl"
    private let path: String
    private let fingerprint: String

    init(folder: String, fingerprint: String) {
        path = folder + "/" + Self.fileName
        self.fingerprint = fingerprint
    }

    /// An answer with the number of its request, as a line. Sums keep all their bits.
    struct Line: Codable {
        let number: Int
        var bits: UInt64?
        var isGreedy: Bool?
        var text: String?

        init(_ number: Int, _ answer: TaskAnswer) {
            self.number = number
            switch answer {
            case .likelihood(let sum, let isGreedy):
                bits = sum.bitPattern
                self.isGreedy = isGreedy
            case .text(let text): self.text = text
            }
        }

        var answer: TaskAnswer? {
            if let text { return .text(text) }
            guard let bits, let isGreedy else { return nil }
            return .likelihood(Double(bitPattern: bits), isGreedy: isGreedy)
        }
    }

    /// Answers as lines of text.
    static func text(_ answers: [(Int, TaskAnswer)]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return answers.map { number, answer in
            let data = try? encoder.encode(Line(number, answer))
            return String(decoding: data ?? Data(), as: UTF8.self) + "\n"
        }.joined()
    }

    /// The answers in lines of text; what is no line, as the last one of a run that was cut off, is passed
    /// over.
    static func answers(_ text: some StringProtocol) -> [Int: TaskAnswer] {
        let decoder = JSONDecoder()
        var answers: [Int: TaskAnswer] = [:]
        for line in text.split(separator: "\n") {
            guard let found = try? decoder.decode(Line.self, from: Data(line.utf8)) else {
                continue
            }
            answers[found.number] = found.answer
        }
        return answers
    }

    /// What an earlier run has answered; `nil` where there is no file.
    ///
    /// - Throws: ``EvaluationError/user(_:)`` for answers to other requests, or of another model.
    func read() throws(EvaluationError) -> [Int: TaskAnswer]? {
        guard let data = RegularFile.contents(path) else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        let first = text.prefix { $0 != "\n" }
        guard first == Substring(head) else {
            throw .user(
                "\(path): the answers are of another model, other tasks or other settings; choose "
                    + "another save_dir, or begin anew without --resume in a new one")
        }
        return Self.answers(text[first.endIndex...])
    }

    private var head: String { "{\"evaluation\": \"\(fingerprint)\"}" }

    /// Begins the file with what is known.
    func begin(_ answers: [Int: TaskAnswer]) throws(EvaluationError) {
        let lines = answers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        try Self.written { () throws(FileProblem) in
            try PendingFile.write(head + "\n" + Self.text(lines), to: path)
        }
    }

    /// Adds lines.
    func append(_ text: String) throws(EvaluationError) {
        do {
            guard let handle = FileHandle(forWritingAtPath: path) else {
                throw EvaluationError.unwritten(
                    "cannot write '\(path)'; it was there a moment ago")
            }
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(text.utf8))
            try handle.close()
        } catch let error as EvaluationError {
            throw error
        } catch {
            throw .unwritten(
                "cannot write '\(path)': \(error.localizedDescription); make room, then go on with "
                    + "--resume")
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// What `body` gives; its problem as a failure of the run.
    static func written<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(EvaluationError) -> Value {
        do {
            return try body()
        } catch {
            throw .unwritten(
                "cannot write '\(error.file)': \(error.problem); mend that, then go on with --resume, "
                    + "which takes the answers that are kept")
        }
    }
}
