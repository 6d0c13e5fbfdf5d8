/// The turns of a conversation as ids, which become an example.
struct EncodedTurns {
    /// What is asked and what is answered.
    typealias Turn = (source: ArraySlice<Int32>, target: ArraySlice<Int32>)

    private let turns: [Turn]
    /// The turn that is learned where the history is masked; `nil` for none.
    private let lastLearned: Int?
    /// The token that ends the whole conversation, where a template has one only once.
    private let end: Int32?

    init(_ turns: [Turn], lastLearned: Int?, end: Int32? = nil) {
        self.turns = turns
        self.lastLearned = lastLearned
        self.end = end
    }

    /// The example, at most `cutoff_len` tokens long, and whether it and a question in it were cut.
    func example(
        _ settings: EncodingSettings
    ) -> (example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool) {
        var total = end == nil ? 0 : 1
        var (isTruncated, isPromptTruncated) = (false, false)
        var parts: [TokenizedExample] = []
        // Where the history is masked, what is cut off is its beginning.
        let order = settings.masksHistory ? turns.indices.reversed() : Array(turns.indices)
        for (number, index) in order.enumerated() {
            guard total < settings.cutoffLength else {
                isTruncated = true
                break
            }
            let turn = turns[index]
            let kept = TurnTruncation.lengths(
                source: turn.source.count, target: turn.target.count,
                cutoff: settings.cutoffLength - total)
            if kept != (turn.source.count, turn.target.count) { isTruncated = true }
            if kept.source < turn.source.count { isPromptTruncated = true }
            total += kept.source + kept.target
            let part = (turn.source.prefix(kept.source), turn.target.prefix(kept.target))
            parts.append(
                example(
                    part, settings, isFirst: number == 0,
                    isLearned: !settings.masksHistory || index == lastLearned))
        }
        if settings.masksHistory { parts.reverse() }
        var example = TokenizedExample(ids: [], labels: [])
        example.ids.reserveCapacity(total)
        example.labels.reserveCapacity(total)
        for part in parts {
            example.ids += part.ids
            example.labels += part.labels
        }
        if let end {
            example.ids.append(end)
            example.labels.append(end)
        }
        return (example, isTruncated, isPromptTruncated)
    }

    /// The ids and labels of one turn.
    ///
    /// - Parameter isFirst: of those that are put together; with a masked history that is the last.
    private func example(
        _ turn: Turn, _ settings: EncodingSettings, isFirst: Bool, isLearned: Bool
    ) -> TokenizedExample {
        let noLoss = TokenizedExample.noLoss
        var labels = [Int32](repeating: noLoss, count: turn.source.count)
        if settings.trainsOnPrompt {
            labels = Array(turn.source)
        } else if let end, !isFirst, !turn.source.isEmpty {
            // The answer before ends where the next question begins.
            labels[0] = end
        }
        if isLearned {
            labels += turn.target
        } else {
            labels += repeatElement(noLoss, count: turn.target.count)
        }
        return TokenizedExample(ids: Array(turn.source + turn.target), labels: labels)
    }
}
