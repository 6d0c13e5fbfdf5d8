/// How long a question and its answer may stay.
package enum TurnTruncation {
    /// The lengths to which a turn is cut so that both fit into `cutoff` tokens: a side shorter
    /// than half stays whole, else both give in proportion. As LLaMA-Factory's `infer_seqlen`.
    package static func lengths(
        source: Int, target: Int, cutoff: Int
    ) -> (source: Int, target: Int) {
        let longest: Int
        if target * 2 < cutoff {
            longest = cutoff
        } else if source * 2 < cutoff {
            longest = cutoff - source
        } else {
            longest = Int(Double(cutoff) * (Double(target) / Double(source + target)))
        }
        let keptTarget = min(longest, target)
        return (min(max(cutoff - keptTarget, 0), source), keptTarget)
    }
}

extension ConversationEncoder {
    /// An example to learn from, at most `cutoff_len` tokens long.
    ///
    /// - Returns: the example, which may have no target left, and whether it and a question in it
    ///   were cut.
    /// - Throws: ``RowProblem`` for tools or calls that are no JSON, or without an answer.
    package func example(
        _ conversation: Conversation
    ) throws(RowProblem) -> (
        example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool
    ) {
        guard let response = conversation.response else {
            throw RowProblem(found: "no answer", expected: "one to learn from")
        }
        let turns = try turns(
            conversation.prompt + [response], system: conversation.system,
            tools: conversation.tools)
        // The token that ends the whole conversation.
        var total = template.hasEfficientEnd ? 1 : 0
        var (isTruncated, isPromptTruncated) = (false, false)
        var parts: [TokenizedExample] = []
        for (number, turn) in (settings.masksHistory ? turns.reversed() : turns).enumerated() {
            guard total < settings.cutoffLength else {
                isTruncated = true
                break
            }
            let kept = TurnTruncation.lengths(
                source: turn.source.count, target: turn.target.count,
                cutoff: settings.cutoffLength - total)
            if kept != (turn.source.count, turn.target.count) { isTruncated = true }
            if kept.source < turn.source.count { isPromptTruncated = true }
            total += kept.source + kept.target
            parts.append(
                part(turn.source.prefix(kept.source), turn.target.prefix(kept.target), number))
        }
        if settings.masksHistory { parts.reverse() }
        var example = TokenizedExample(ids: [], labels: [])
        example.ids.reserveCapacity(total)
        example.labels.reserveCapacity(total)
        for part in parts {
            example.ids += part.ids
            example.labels += part.labels
        }
        if template.hasEfficientEnd {
            example.ids.append(endOfText)
            example.labels.append(endOfText)
        }
        return (example, isTruncated, isPromptTruncated)
    }

    /// The ids and labels of one turn; with a masked history the last turn is number 0.
    private func part(
        _ source: ArraySlice<Int32>, _ target: ArraySlice<Int32>, _ number: Int
    ) -> TokenizedExample {
        let noLoss = TokenizedExample.noLoss
        var labels = [Int32](repeating: noLoss, count: source.count)
        if settings.trainsOnPrompt {
            labels = Array(source)
        } else if template.hasEfficientEnd, number != 0, !source.isEmpty {
            // The answer before ends where the next question begins.
            labels[0] = endOfText
        }
        if settings.masksHistory, number != 0 {
            labels += repeatElement(noLoss, count: target.count)
        } else {
            labels += target
        }
        return TokenizedExample(ids: Array(source + target), labels: labels)
    }
}
