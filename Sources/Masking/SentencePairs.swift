/// Pairs of texts of which the second follows the first, or is any other: BERT's, drawn from the run's seed
/// and the document's number.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805, section A.2; `create_instances_from_document` of its code.
package struct SentencePairs: Sendable {
    /// Sentences that follow one another, and what of their tokens is left.
    package struct Text: Sendable, Equatable {
        package let sentences: Range<Int>
        package fileprivate(set) var tokens: Range<Int>
    }

    package struct Pair: Sendable, Equatable {
        package fileprivate(set) var first, second: Text
        /// Whether the second text is the one that follows the first.
        package let follows: Bool
    }

    package private(set) var pairs: [Pair] = []
    private let table: SentenceTable
    private let budget: Int

    /// - Parameters:
    ///   - table: of two documents at least.
    ///   - budget: tokens of both texts, 2 at least.
    ///   - shortShare: of documents whose pairs are shorter (`short_seq_prob`).
    package init(_ table: SentenceTable, budget: Int, shortShare: Double, seed: UInt64) {
        precondition(budget > 1, "pairs of \(budget) tokens")
        self.table = table
        self.budget = budget
        for document in table.documents.indices {
            var draws = Draws(seed: seed, sample: UInt64(document), stream: 2)
            add(document, shortShare, &draws)
        }
    }

    /// How many documents there are.
    package var documents: Int { table.documents.count }

    /// Which texts a pair is of, in tokens of the dataset's row.
    package func places(of text: Text) -> [Range<Int>] {
        var (places, before): ([Range<Int>], Int) = ([], 0)
        for sentence in text.sentences {
            let (start, length) = (table.starts[sentence], Int(table.lengths[sentence]))
            let own = (before..<before + length).clamped(to: text.tokens)
            if !own.isEmpty {
                places.append(start + own.lowerBound - before..<start + own.upperBound - before)
            }
            before += length
        }
        return places
    }

    private mutating func add(_ document: Int, _ shortShare: Double, _ draws: inout Draws) {
        let sentences = table.documents[document]
        var target = budget
        if draws.uniform() < shortShare { target = 2 + draws.below(budget - 1) }
        var (start, next, length) = (sentences.lowerBound, sentences.lowerBound, 0)
        while next < sentences.upperBound {
            length += Int(table.lengths[next])
            next += 1
            guard next == sentences.upperBound || length >= target else { continue }
            let count = next - start
            let split = start + (count > 1 ? 1 + draws.below(count - 1) : 1)
            let first = text(start..<split)
            var second = split..<next
            let follows = count > 1 && draws.uniform() >= 0.5
            if !follows {
                // What is not used comes again.
                next = split
                second = other(than: document, tokens: target - first.tokens.count, &draws)
            }
            pairs.append(
                cut(Pair(first: first, second: text(second), follows: follows), &draws))
            (start, length) = (next, 0)
        }
    }

    private func text(_ sentences: Range<Int>) -> Text {
        Text(sentences: sentences, tokens: 0..<table.tokens(of: sentences))
    }

    /// Sentences of another document, if ten draws find one, from a drawn one on.
    private func other(
        than document: Int, tokens wanted: Int, _ draws: inout Draws
    ) -> Range<Int> {
        var number = document
        for _ in 0..<10 {
            number = draws.below(table.documents.count)
            if number != document { break }
        }
        let sentences = table.documents[number]
        let start = sentences.lowerBound + draws.below(sentences.count)
        var (end, count) = (start, 0)
        repeat {
            count += Int(table.lengths[end])
            end += 1
        } while end < sentences.upperBound && count < wanted
        return start..<end
    }

    /// Tokens of the longer text go, from its front or its back, until both fit.
    private func cut(_ pair: Pair, _ draws: inout Draws) -> Pair {
        var pair = pair
        while pair.first.tokens.count + pair.second.tokens.count > budget {
            let longer =
                pair.first.tokens.count > pair.second.tokens.count
                ? \Pair.first.tokens : \Pair.second.tokens
            let tokens = pair[keyPath: longer]
            pair[keyPath: longer] =
                draws.uniform() < 0.5
                ? tokens.lowerBound + 1..<tokens.upperBound
                : tokens.lowerBound..<tokens.upperBound - 1
        }
        return pair
    }
}
