import Foundation
import Models
import Tokenizers

/// What an encoder finds likeliest in the places of masks.
package struct MaskFilling: Sendable {
    /// By mask, in the order of the text: tokens with their probabilities, the likeliest first.
    package let candidates: [[(id: Int32, probability: Double)]]
    /// The ids with the likeliest token in each mask's place.
    package let ids: [Int32]

    /// - Parameters:
    ///   - ids: of a text, special tokens among them.
    ///   - count: of the candidates.
    /// - Throws: ``ModelFileError/user(_:)`` where no place is masked, or the model cannot read the ids.
    package init(
        _ ids: [Int32], mask: Int32, count: Int, of document: String, by inference: InferenceModel
    ) throws(ModelFileError) {
        try inference.check(MarkedIDs(ids: ids), of: document)
        let places = ids.indices.filter { ids[$0] == mask }
        guard !places.isEmpty else {
            let name = inference.tokenizer?.token(of: mask) ?? "\(mask)"
            throw .user(
                "\(document): a \(inference.model.description.type) model fills masks, but the text "
                    + "has no \(name)")
        }
        let pass = inference.pass
        let hidden = inference.model.hiddenStates(TokenInput(ids: ids, batch: 1), in: pass)
        let logits = inference.model.languageHead.logits(
            pass.rows(places.map(Int32.init), of: hidden), in: pass)
        let (numbers, width) = (inference.workspace.numbers(logits), logits.shape.width)
        candidates = places.indices.map { place in
            let row = numbers[place * width..<(place + 1) * width]
            let largest = Double(row.max() ?? 0)
            let sum = row.reduce(0.0) { $0 + exp(Double($1) - largest) }
            let best = row.indices.sorted { (row[$0], $1) > (row[$1], $0) }.prefix(count)
            return best.map {
                (Int32($0 - row.startIndex), exp(Double(row[$0]) - largest) / sum)
            }
        }
        var filled = ids
        for (place, tokens) in zip(places, candidates) {
            if let best = tokens.first { filled[place] = best.id }
        }
        self.ids = filled
    }
}
