import ArgumentParser
import Files
import Foundation
import Training

/// `lockstep score --model PATH --input FILE`
struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Token log-probabilities and perplexity, one JSON line a document.")

    @OptionGroup var model: ModelOptions

    @Option(help: "JSON lines with \"text\" or \"ids\"; or a .txt file, one document a line.")
    var input: String

    func run() throws {
        do throws(TrainingError) {
            let documents = try Self.documents(input)
            let inference = try model.load()
            for (index, document) in documents.enumerated() {
                let place = "\(input) line \(document.line)"
                let ids: [Int32]
                switch document.content {
                case .ids(let given): ids = given
                case .text(let text):
                    guard let tokenizer = inference.tokenizer else {
                        throw .user(
                            "\(place) holds text, but the model \(model.path) has no tokenizer; "
                                + "give ids or a model folder with tokenizer.json")
                    }
                    ids = tokenizer.encode(text, addSpecialTokens: true)
                }
                let scores = try inference.logProbabilities(ids, of: place)
                write(ids, scores, isLast: index == documents.count - 1)
            }
        } catch {
            Failure.end(error)
        }
    }

    private func write(_ ids: [Int32], _ scores: [Float], isLast: Bool) {
        let sum = -scores.reduce(0.0) { $0 + Double($1) }
        let perplexity = scores.isEmpty ? "null" : number(exp(sum / Double(scores.count)))
        let logs = (ids.isEmpty ? [] : ["null"]) + scores.map { number(Double($0)) }
        print(
            "{\"ids\": [\(ids.map(String.init).joined(separator: ", "))], "
                + "\"logprobs\": [\(logs.joined(separator: ", "))], "
                + "\"tokens\": \(scores.count), \"nll\": \(number(sum)), "
                + "\"perplexity\": \(perplexity)}")
        if isLast { fflush(nil) }
    }

    /// JSON has no infinity; such a number becomes null.
    private func number(_ value: Double) -> String {
        value.isFinite ? "\(value == 0 ? 0 : value)" : "null"
    }

    private struct Document {
        enum Content {
            case text(String)
            case ids([Int32])
        }

        let line: Int
        let content: Content
    }

    private static func documents(_ path: String) throws(TrainingError) -> [Document] {
        let data: [UInt8]
        do {
            data = try RegularFile.bytes(path)
        } catch {
            throw .user(
                "cannot read '\(path)': \(error.problem); give a .jsonl or .txt file as --input")
        }
        let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var documents: [Document] = []
        for (index, line) in lines.enumerated() where !line.isEmpty {
            if path.hasSuffix(".txt") {
                let text = String(decoding: line, as: UTF8.self)
                documents.append(Document(line: index + 1, content: .text(text)))
                continue
            }
            let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
            if let ids = object?["ids"] as? [Int] {
                documents.append(
                    Document(line: index + 1, content: .ids(ids.map { Int32(clamping: $0) })))
            } else if let text = object?["text"] as? String {
                documents.append(Document(line: index + 1, content: .text(text)))
            } else {
                throw .user(
                    "\(path) line \(index + 1): expected a JSON object with \"text\" or \"ids\"")
            }
        }
        guard !documents.isEmpty else { throw .user("'\(path)' holds no documents") }
        return documents
    }
}
