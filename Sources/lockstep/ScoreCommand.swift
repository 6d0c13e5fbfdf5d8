import ArgumentParser
import Evaluation
import Foundation
import ModelFiles
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
            let documents: [ScoreDocument]
            do throws(EvaluationError) {
                documents = try ScoreDocument.read(input)
            } catch {
                throw TrainingError(error)
            }
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
                let scores = try ofModelFiles { () throws(ModelFileError) in
                    try inference.logProbabilities(ids, of: place)
                }
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
}
