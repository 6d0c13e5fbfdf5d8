import Autograd
import Configuration
import Synchronization
import Tokenizers

/// What the rows of new tokens begin with that have a description (`init_special_tokens: desc_init`):
/// the mean of the embedding's rows of its tokens, in the embedding and in a head of its own. New
/// tokens do not count in it; of a description without any other the rows begin at the mean of all.
final class TokenDescriptions: Sendable {
    /// Whether noise is added, as to tokens without a description.
    let addsNoise: Bool
    /// A line's end for the user; `nil` where nothing is described.
    let note: String?
    /// The tokens of a description, by the row of its token.
    private let tokens: [Int: [Int]]
    /// The rows, once the embedding has been seen.
    private let found = Mutex<[Int: [Float]]>([:])

    /// No descriptions.
    init() { (addsNoise, note, tokens) = (false, nil, [:]) }

    /// - Parameters:
    ///   - added: the tokens that are new.
    ///   - rowsInFiles: of the model's embedding; tokens beyond have no row yet.
    init(
        _ section: ModelSection, of added: [String], _ tokenizer: any Tokenizer, rowsInFiles: Int
    ) {
        addsNoise = section.newTokenRows == .noisyDescription
        guard section.newTokenRows != .noise else {
            (note, tokens) = (nil, [:])
            return
        }
        let new = Set(added.compactMap { tokenizer.id(of: $0).map(Int.init) })
        var tokens: [Int: [Int]] = [:]
        for token in added {
            guard let text = section.tokenDescriptions[token], let row = tokenizer.id(of: token)
            else { continue }
            tokens[Int(row)] = tokenizer.encode(text, addSpecialTokens: false).map(Int.init)
                .filter { (0..<rowsInFiles).contains($0) && !new.contains($0) }
        }
        self.tokens = tokens
        let known = section.tokenDescriptions.keys.filter { !added.contains($0) }.sorted()
        note =
            "those with a description begin at the mean of its tokens"
            + (addsNoise ? " plus noise" : "")
            + (known.isEmpty
                ? "" : "; \(known.joined(separator: ", ")) were there already and stay as they are")
    }

    /// What decides the rows, besides the embedding.
    var settings: String {
        let described = tokens.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return "\(described) noise \(addsNoise)"
    }

    /// The rows by their number, (width) each.
    ///
    /// - Parameters:
    ///   - own: the parameter's numbers in the model's files. The embedding comes before the head.
    ///   - mean: of all its rows.
    func rows(_ own: [Float], of parameter: Parameter, mean: [Float]) -> [Int: [Float]] {
        guard !tokens.isEmpty else { return [:] }
        if parameter.isLookedUp {
            let rows = tokens.filter { !$0.value.isEmpty }
                .mapValues { self.mean(of: $0, in: own, width: parameter.shape.width) }
            found.withLock { $0 = rows }
        }
        let rows = found.withLock { $0 }
        return tokens.reduce(into: [:]) { $0[$1.key] = rows[$1.key] ?? mean }
    }

    private func mean(of tokens: [Int], in own: [Float], width: Int) -> [Float] {
        (0..<width).map { column in
            let sum = tokens.reduce(0.0) { $0 + Double(own[$1 * width + column]) }
            return Float(sum / Double(tokens.count))
        }
    }
}
