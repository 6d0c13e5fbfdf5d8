import ArgumentParser
import Evaluation
import Foundation
import ModelFiles
import Training

/// `lockstep embed --model PATH --input FILE`
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "A vector of each text, one JSON line a document.",
        discussion: """
            Pooled as a sentence-transformers folder says (modules.json), else the mean over a text's \
            tokens.
            """)

    @OptionGroup var model: ModelOptions

    @Option(
        help: """
            JSON lines with "text" or "ids" ("token_types" and "mask" beside them); or a .txt file, \
            one document a line.
            """)
    var input: String

    func run() throws {
        do throws(TrainingError) {
            let documents = try ofEvaluation { () throws(EvaluationError) in
                try ScoreDocument.read(input, for: .embedding)
            }
            let sentences = try model.loadSentences()
            for document in documents {
                let place = "\(input) line \(document.line)"
                let vector = try ofModelFiles { () throws(ModelFileError) in
                    switch document.content {
                    case .text(let text), .texts(let text, _):
                        try sentences.embedding(of: text, place)
                    case .ids(let ids): try sentences.embedding(of: MarkedIDs(ids: ids), place)
                    case .marked(let marked), .pair(let marked, _):
                        try sentences.embedding(of: marked, place)
                    }
                }
                guard vector.allSatisfy(\.isFinite) else {
                    throw .user("\(place): its vector is not finite; try --precision fp32")
                }
                print("{\"embedding\": [\(vector.map { "\($0)" }.joined(separator: ", "))]}")
            }
        } catch {
            Failure.end(error)
        }
    }
}
