import ArgumentParser
import Evaluation
import Foundation
import ModelFiles
import Training

/// `lockstep score --model PATH --input FILE`
struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Token log-probabilities and perplexity, one JSON line a document.",
        discussion: """
            Of a decoder each id given those before it; of an encoder the "targets" (-100 is passed \
            over) in the places of "ids", with "token_types" and "mask" where they are given; of an \
            encoder-decoder "target_ids" given "ids", or "target" given "text". Of a reward model \
            (value_head.safetensors, or one with a score of one label) one "score" a document.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "JSON lines with \"text\" or \"ids\"; or a .txt file, one document a line.")
    var input: String

    func run() throws {
        do throws(TrainingError) {
            let bytes = try ofEvaluation { () throws(EvaluationError) in
                try ScoreDocument.bytes(input)
            }
            let inference = try model.loadWithRewards()
            // What a line may say depends on the model.
            let documents = try ofEvaluation { () throws(EvaluationError) in
                try ScoreDocument.documents(
                    bytes, of: input, for: .init(inference.model.description.kind))
            }
            if inference.isRewardModel {
                for document in documents {
                    try writeScore(
                        of: document, at: "\(input) line \(document.line)", by: inference)
                }
                fflush(nil)
                return
            }
            for (index, document) in documents.enumerated() {
                let (ids, scores) = try scores(
                    of: document, at: "\(input) line \(document.line)", by: inference)
                write(ids, scores, isLast: index == documents.count - 1)
            }
        } catch {
            Failure.end(error)
        }
    }

    /// Writes what a reward model gives a document.
    private func writeScore(
        of document: ScoreDocument, at place: String, by inference: InferenceModel
    ) throws(TrainingError) {
        let ids: [Int32]
        switch document.content {
        case .ids(let own): ids = own
        case .text(let text):
            guard let tokenizer = inference.tokenizer else {
                throw .user("\(place) holds text, but the model \(model.path) has no tokenizer")
            }
            // As rows are written in training: a text's own special tokens, and no others.
            ids = tokenizer.encode(text, addSpecialTokens: false)
        case .marked, .pair, .texts:
            throw .user("\(place): a reward model scores \"text\" or \"ids\"")
        }
        let score = try ofModelFiles { () throws(ModelFileError) in
            try inference.reward(ids, of: place)
        }
        print(
            "{\"ids\": [\(ids.map { String($0) }.joined(separator: ", "))], \"tokens\": "
                + "\(ids.count), \"score\": \(score.map { number(Double($0)) } ?? "null")}")
    }

    /// A document's ids with their log-probabilities, `nil` where there is none.
    private func scores(
        of document: ScoreDocument, at place: String, by inference: InferenceModel
    ) throws(TrainingError) -> (ids: [Int32], scores: [Float?]) {
        func encoded(_ text: String) throws(TrainingError) -> [Int32] {
            guard let tokenizer = inference.tokenizer else {
                throw .user(
                    "\(place) holds text, but the model \(model.path) has no tokenizer; "
                        + "give ids or a model folder with tokenizer.json")
            }
            return tokenizer.encode(text, addSpecialTokens: true)
        }
        switch document.content {
        case .ids(let ids): return try decoded(ids, place, inference)
        case .text(let text): return try decoded(encoded(text), place, inference)
        case .marked(let marked):
            return try ofModelFiles { () throws(ModelFileError) in
                (marked.ids, try inference.logProbabilities(marked, of: place))
            }
        case .pair(let source, let target):
            return try ofModelFiles { () throws(ModelFileError) in
                (target, try inference.logProbabilities(of: target, source: source, of: place))
            }
        case .texts(let text, let target):
            let (source, target) = (MarkedIDs(ids: try encoded(text)), try encoded(target))
            return try ofModelFiles { () throws(ModelFileError) in
                (target, try inference.logProbabilities(of: target, source: source, of: place))
            }
        }
    }

    private func decoded(
        _ ids: [Int32], _ place: String, _ inference: InferenceModel
    ) throws(TrainingError) -> (ids: [Int32], scores: [Float?]) {
        let scores = try ofModelFiles { () throws(ModelFileError) in
            try inference.logProbabilities(ids, of: place)
        }
        return (ids, (ids.isEmpty ? [] : [nil]) + scores)
    }

    /// - Parameter places: log-probabilities, one for each id, `nil` where there is none.
    private func write(_ ids: [Int32], _ places: [Float?], isLast: Bool) {
        let scores = places.compactMap { $0 }
        let sum = -scores.reduce(0.0) { $0 + Double($1) }
        let perplexity = scores.isEmpty ? "null" : number(exp(sum / Double(scores.count)))
        let logs = places.map { $0.map { number(Double($0)) } ?? "null" }
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
