import Foundation
import TokenizerSupport
import Tokenizers

/// Reads Tests/References/sentencepiece (see the README.md there).
struct SentencePieceFixtures: ReferenceFixtures {
    static let shared = TokenizerFixtures(folder: "sentencepiece")

    func texts() throws -> [[UInt8]] { try Self.shared.texts() }

    /// The tokenizer.json of a kind.
    ///
    /// - Parameter change: changes the parts that stand beside the model.
    func file(
        _ kind: String, change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> String {
        let charsmap = try Self.shared.text("charsmap.txt")
        let kinds = try Self.shared.text("kinds.json").replacingOccurrences(
            of: "CHARSMAP", with: charsmap)
        var front = try (object(kinds) as! [String: [String: Any]])[kind]!
        let base = front.removeValue(forKey: "base") as! String
        change(&front)
        // A dictionary would take tokens that Unicode calls equivalent for one, so the vocabulary
        // stays text; of a key that comes twice the last value counts.
        let changes = front.removeValue(forKey: "model") as? [String: Any] ?? [:]
        let model =
            try Self.shared.text("\(base).json").dropLast() + "," + text(changes).dropFirst()
        return try text(front).dropLast() + ",\"model\":\(model)}"
    }

    private func text(_ object: [String: Any]) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    }

    func tokenizer(_ kind: String) throws -> any Tokenizer {
        try TokenizerFolder.parse(text: file(kind), configuration: nil)
    }

    /// Pieces and scores of the Unigram model.
    func unigramPieces() throws -> [[Any]] {
        (try object(Self.shared.text("unigram.json")) as! [String: Any])["vocab"] as! [[Any]]
    }

    /// The table of replacements, as SentencePiece stores it.
    func charsmap() throws -> [UInt8] {
        Array(Data(base64Encoded: try Self.shared.text("charsmap.txt"))!)
    }

    /// The BPE model as a GGUF file holds it.
    func gguf() throws -> GGUFTokenizer {
        let fields = try object(Self.shared.text("gguf.json")) as! [String: Any]
        var result = GGUFTokenizer(model: "llama", tokens: fields["tokens"] as! [String])
        result.scores = (fields["scores"] as! [Double]).map { Float($0) }
        result.tokenTypes = (fields["types"] as! [Int]).map { Int32($0) }
        result.beginOfText = 1
        result.endOfText = 2
        result.unknown = 0
        result.padding = 3
        return result
    }

    /// The lists of ids that the generator's `random_ids` makes.
    func randomIDs(size: Int) -> [[Int32]] {
        var state: UInt64 = 20_260_102
        return (0..<40).map { _ in
            (0..<24).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int32((state >> 33) % UInt64(size))
            }
        }
    }

    private func object(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8))
    }
}
