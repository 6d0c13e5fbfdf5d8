import ArgumentParser
import Distributed
import Evaluation
import Files
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

    @Flag(help: "Say on stderr how fast vectors came, without loading the model.")
    var timing = false

    func run() throws {
        do throws(TrainingError) {
            let documents = try ofEvaluation { () throws(EvaluationError) in
                try ScoreDocument.read(input, for: .embedding)
            }
            let sentences = try model.loadSentences()
            let begun = ContinuousClock.now
            var tokens = 0
            for start in stride(from: 0, to: documents.count, by: Self.textsAtOnce) {
                let some = documents[start..<min(start + Self.textsAtOnce, documents.count)]
                let places = some.map { "\(input) line \($0.line)" }
                let vectors = try ofModelFiles { () throws(ModelFileError) in
                    var texts: [(MarkedIDs, String)] = []
                    for (document, place) in zip(some, places) {
                        texts.append((try marked(document, place, sentences), place))
                    }
                    tokens += texts.reduce(0) { $0 + $1.0.ids.count }
                    return try sentences.embeddings(of: texts)
                }
                for (vector, place) in zip(vectors, places) {
                    guard vector.allSatisfy(\.isFinite) else {
                        throw .user("\(place): its vector is not finite; try --precision fp32")
                    }
                }
                let lines = vectors.mapped(threads: model.threadCount, portion: 32) { vector in
                    "{\"embedding\": [\(vector.map(\.description).joined(separator: ", "))]}\n"
                }
                print(lines.joined(), terminator: "")
            }
            if timing { say(documents.count, tokens, since: begun) }
        } catch {
            Failure.end(error)
        }
    }

    private func say(_ texts: Int, _ tokens: Int, since begun: ContinuousClock.Instant) {
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        Failure.say(
            "\(texts) texts, \(tokens) tokens in "
                + String(format: "%.3f s, %.1f tokens/s", seconds, Double(tokens) / seconds)
                + ", at most \(Machine.peakMemory() >> 20) MiB")
    }

    /// Texts of similar length among so many are read together.
    private static let textsAtOnce = 1024

    private func marked(
        _ document: ScoreDocument, _ place: String, _ sentences: SentenceModel
    ) throws(ModelFileError) -> MarkedIDs {
        switch document.content {
        case .text(let text), .texts(let text, _): try sentences.marked(text, place)
        case .ids(let ids): MarkedIDs(ids: ids)
        case .marked(let marked), .pair(let marked, _): marked
        }
    }
}
