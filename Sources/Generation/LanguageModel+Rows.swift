import Autograd
import Models

extension LanguageModel {
    /// Logits (V) of the next token of texts whose last tokens a cache has not seen: of these alone, or of a whole
    /// text where the model computes it anew because its rotary angles have changed.
    ///
    /// - Parameters:
    ///   - rows: the cache's sequences, by text.
    ///   - source: what an encoder reads before, of all of them.
    ///   - newPass: makes a pass with the cache.
    func nextLogits(
        behind texts: [[Int32]], rows: [Int], of cache: KeyValueCache,
        source: TokenSource? = nil, newPass: () -> ForwardPass
    ) -> [[Float]] {
        let description = description
        var logits = Array(repeating: [Float](), count: rows.count)
        var others: [Int] = []
        for (place, text) in texts.enumerated() {
            guard description.isComputedAnew(at: text.count) else {
                others.append(place)
                continue
            }
            cache.active = [rows[place]]
            cache.forget(sequence: rows[place])
            logits[place] = nextLogits(text, source: source, in: newPass())
        }
        guard !others.isEmpty else { return logits }
        cache.active = others.map { rows[$0] }
        let found = nextLogits(
            others.compactMap { texts[$0].last }, batch: others.count, source: source,
            in: newPass())
        for (place, row) in zip(others, found) { logits[place] = row }
        return logits
    }
}
