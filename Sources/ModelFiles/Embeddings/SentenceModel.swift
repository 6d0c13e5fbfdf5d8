import Files
package import Kernels
import Models
import Tokenizers

/// A model that makes a vector of each text.
package final class SentenceModel {
    private let inference: InferenceModel
    private let steps: [SentenceFolder.Step]
    private let longest: Int
    /// Whether a text that is too long loses its beginning.
    private let cutsBeginning: Bool
    private let lowercases: Bool
    private let prompt: String
    private let path: String

    /// - Parameter path: of a model, or of a sentence-transformers folder; without modules.json the mean
    ///   over a text's tokens is its vector.
    package init(
        path: String, adapters: [String] = [], computeType: ElementType = .float32, threads: Int
    ) throws(ModelFileError) {
        let base = try SentenceFolder(path)
        // An adapter that was trained for vectors says how they are made.
        let folder =
            try adapters.last.flatMap { adapter throws(ModelFileError) in
                try SentenceFolder(adapter)
            } ?? base
        inference = try InferenceModel(
            path: base?.model ?? path, adapters: adapters, purpose: .states,
            computeType: computeType, threads: threads)
        guard inference.model.description.kind != .encoderDecoder else {
            throw .user(
                "a \(inference.model.description.type) model is an encoder-decoder; vectors of its "
                    + "encoder are not there yet, give an encoder or a decoder")
        }
        steps = folder?.steps ?? [.pooling([.mean])]
        let settings = (inference.tokenizer?.configurationText).flatMap {
            try? JSONValueReader.read($0)
        }
        let limit = settings?["model_max_length"]?.double ?? .infinity
        let positions = inference.model.description.maximumPositions
        longest = min(
            folder?.longest ?? Int(max(1, min(limit, Double(positions)))), positions)
        cutsBeginning = settings?["truncation_side"]?.string == "left"
        lowercases = folder?.lowercases ?? false
        prompt = folder?.prompt ?? ""
        self.path = path
    }

    /// The vector of a text, of which at most the model's longest sequence is read.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` where the model has no tokenizer.
    package func embedding(of text: String, _ document: String) throws(ModelFileError) -> [Float] {
        guard let tokenizer = inference.tokenizer else {
            throw .user(
                "\(document) holds text, but the model \(path) has no tokenizer; give ids or a "
                    + "model folder with tokenizer.json")
        }
        let whole = prompt + text
        let ids = tokenizer.encode(
            lowercases ? whole.lowercased() : whole, addSpecialTokens: false)
        let (before, after) = (tokenizer.postProcessor.before, tokenizer.postProcessor.after)
        let room = max(0, longest - before.count - after.count)
        let marked = before + (cutsBeginning ? ids.suffix(room) : ids.prefix(room)) + after
        guard !marked.isEmpty else { throw .user("\(document): an empty text has no tokens") }
        return try embedding(of: MarkedIDs(ids: marked), document)
    }

    /// The vector of ids, special tokens among them.
    package func embedding(
        of marked: MarkedIDs, _ document: String
    ) throws(ModelFileError) -> [Float] {
        try inference.check(marked, of: document)
        let states = inference.model.hiddenStates(marked.input, in: inference.pass)
        let width = states.shape.width
        let numbers = inference.workspace.numbers(states)
        let mask = marked.mask?.map { $0 != 0 } ?? Array(repeating: true, count: marked.ids.count)
        var vector: [Float] = []
        for step in steps {
            switch step {
            case .pooling(let ways):
                vector = ways.flatMap { $0.pooled(numbers, width: width, mask: mask) }
            case .normalize: vector = Self.normalized(vector)
            case .dense(let dense): vector = try dense(vector, of: path)
            case .truncate(let width): vector = Array(vector.prefix(width))
            }
        }
        return vector
    }

    /// Divided by its length, or by 1e-12 where that is less, as torch's `normalize`.
    private static func normalized(_ vector: [Float]) -> [Float] {
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return vector.map { Float(Double($0) / max(length, 1e-12)) }
    }
}
