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
    /// What texts become ids by: the model's, in small letters where the folder says so.
    private let tokenizer: (any Tokenizer)?
    private let prompt: String
    private let path: String

    /// - Parameter path: of a model, or of a sentence-transformers folder; without modules.json the mean
    ///   over a text's tokens is its vector.
    package convenience init(
        path: String, adapters: [String] = [], computeType: ElementType = .float32, threads: Int
    ) throws(ModelFileError) {
        let base = try SentenceFolder(path)
        try self.init(
            try InferenceModel(
                path: base?.model ?? path, adapters: adapters, purpose: .states,
                computeType: computeType, threads: threads),
            path: path, adapters: adapters)
    }

    /// Vectors by a model that is loaded already, with what its files say of them.
    ///
    /// - Parameter path: of the model; with the adapters that are on it.
    package init(
        _ inference: InferenceModel, path: String, adapters: [String] = []
    ) throws(ModelFileError) {
        let base = try SentenceFolder(path)
        // An adapter that was trained for vectors says how they are made.
        let folder =
            try adapters.last.flatMap { adapter throws(ModelFileError) in
                try SentenceFolder(adapter)
            } ?? base
        self.inference = inference
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
        // What the folder says counts beyond the positions that the model was made for; one that cannot have
        // more refuses longer texts.
        longest = folder?.longest ?? Int(max(1, min(limit, Double(positions))))
        cutsBeginning = settings?["truncation_side"]?.string == "left"
        do throws(TokenizerError) {
            tokenizer =
                folder?.lowercases == true
                ? try inference.tokenizer?.lowercasingTexts() : inference.tokenizer
        } catch {
            throw .tokenizer(error)
        }
        prompt = folder?.prompt ?? ""
        self.path = path
    }

    /// Whether a folder says how vectors are made of what its model gives.
    package static func isDescribed(at path: String) throws(ModelFileError) -> Bool {
        try SentenceFolder(path) != nil
    }

    /// Tokens that are read at once.
    private static let rowCapacity = 2048

    /// The ids of a text, of which at most the model's longest sequence is read.
    ///
    /// - Parameters:
    ///   - document: named in messages.
    ///   - cuts: whether a text that is too long is cut, as sentence-transformers does.
    /// - Throws: ``ModelFileError/user(_:)`` where the model has no tokenizer, or the text no tokens, or
    ///   too many that are not to be cut.
    package func marked(
        _ text: String, _ document: String, cuts: Bool = true
    ) throws(ModelFileError) -> MarkedIDs {
        guard let tokenizer else {
            throw .user(
                "\(document) holds text, but the model \(path) has no tokenizer; give ids or a "
                    + "model folder with tokenizer.json")
        }
        let ids = tokenizer.encode(prompt + text, addSpecialTokens: false)
        let (before, after) = (tokenizer.postProcessor.before, tokenizer.postProcessor.after)
        let room = max(0, longest - before.count - after.count)
        guard cuts || ids.count <= room else {
            throw .user(
                "\(document) has \(before.count + ids.count + after.count) tokens, the model reads "
                    + "\(longest)")
        }
        let marked = before + (cutsBeginning ? ids.suffix(room) : ids.prefix(room)) + after
        guard !marked.isEmpty else { throw .user("\(document): an empty text has no tokens") }
        return MarkedIDs(ids: marked)
    }

    /// The vector of a text.
    package func embedding(of text: String, _ document: String) throws(ModelFileError) -> [Float] {
        try embeddings(of: [(try marked(text, document), document)])[0]
    }

    /// The vectors of texts, special tokens among their ids; a text's does not depend on the others but
    /// by the rounding of products.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for the first text that the model cannot read.
    package func embeddings(
        of texts: [(marked: MarkedIDs, document: String)]
    ) throws(ModelFileError) -> [[Float]] {
        for (marked, document) in texts {
            guard !marked.ids.isEmpty else {
                throw .user("\(document): an empty text has no tokens")
            }
            try inference.check(marked, of: document)
        }
        var vectors = Array(repeating: [Float](), count: texts.count)
        let rows = PackedTexts.rows(
            ofLengths: texts.map(\.marked.ids.count), capacity: Self.rowCapacity,
            longest: inference.model.description.angleLimit)
        for row in rows {
            let packed = PackedTexts(row.map { texts[$0].marked })
            let states = inference.model.hiddenStates(packed.input, in: inference.pass)
            let width = states.shape.width
            let numbers = inference.workspace.numbers(states)
            for (text, range) in zip(row, packed.ranges) {
                let own = Array(numbers[range.lowerBound * width..<range.upperBound * width])
                let mask =
                    texts[text].marked.mask?.map { $0 != 0 }
                    ?? Array(repeating: true, count: range.count)
                vectors[text] = try vector(ofStates: own, width: width, mask: mask)
            }
        }
        return vectors
    }

    /// What the folder's modules make of the tokens' states (T, width).
    private func vector(
        ofStates states: [Float], width: Int, mask: [Bool]
    ) throws(ModelFileError) -> [Float] {
        var vector: [Float] = []
        for step in steps {
            switch step {
            case .pooling(let ways):
                vector = ways.flatMap { $0.pooled(states, width: width, mask: mask) }
            case .normalize: vector = Self.normalized(vector)
            case .dense(let dense): vector = try dense(vector, of: path)
            case .layerNorm(let norm): vector = try norm(vector, of: path)
            case .dropout: break
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
