import Foundation

/// BLEU-4 of one text against one reference, by characters.
///
/// Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation";
/// an order without any match counts 1 / (2ᵏ · its n-grams) for the k-th such order, method 3 of
/// Chen and Cherry 2014, as nltk's `sentence_bleu` computes it.
enum BLEUScore {
    /// From 0 to 1; 0 when no character matches.
    static func bleu4(hypothesis: [Unicode.Scalar], reference: [Unicode.Scalar]) -> Double {
        var logarithms = 0.0
        var misses = 0
        for order in 1...4 {
            let found = counts(hypothesis, order)
            let wanted = counts(reference, order)
            var matches = 0
            for (run, count) in found { matches += min(count, wanted[run] ?? 0) }
            if order == 1 && matches == 0 { return 0 }
            let total = Double(max(1, hypothesis.count - order + 1))
            var precision = Double(matches) / total
            if matches == 0 {
                misses += 1
                precision = 1 / (Double(1 << misses) * total)
            }
            logarithms += 0.25 * log(precision)
        }
        let brevity =
            hypothesis.count > reference.count
            ? 1 : exp(1 - Double(reference.count) / Double(hypothesis.count))
        return brevity * exp(logarithms)
    }

    /// How often each run of `order` characters occurs.
    private static func counts(
        _ text: [Unicode.Scalar], _ order: Int
    ) -> [ArraySlice<Unicode.Scalar>: Int] {
        guard text.count >= order else { return [:] }
        var counts: [ArraySlice<Unicode.Scalar>: Int] = [:]
        for start in 0...text.count - order { counts[text[start..<start + order], default: 0] += 1 }
        return counts
    }
}
