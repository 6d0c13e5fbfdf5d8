/// How well spans of tagged words are found.
///
/// Source: seqeval 1.2.2 (`get_entities`, without strict mode), as the Hugging Face example for named
/// entities uses it.
package enum EntityMetrics {
    /// Words that belong together: what they are, and from which word to which.
    struct Span: Hashable {
        let type: Substring
        let words: ClosedRange<Int>
    }

    /// Precision, recall and f1 of spans, and the share of words whose tag is right.
    ///
    /// - Parameters:
    ///   - found: the tags found, by sentence.
    ///   - wanted: those of the data.
    package static func figures(found: [[String]], wanted: [[String]]) -> [Figure] {
        precondition(
            found.map(\.count) == wanted.map(\.count), "tags of other words than the data's")
        var counts = LabelCounts()
        var (right, words) = (0, 0)
        for (found, wanted) in zip(found, wanted) {
            let (foundSpans, wantedSpans) = (Set(spans(found)), Set(spans(wanted)))
            counts.found += foundSpans.count
            counts.wanted += wantedSpans.count
            counts.right += foundSpans.intersection(wantedSpans).count
            right += zip(found, wanted).count { $0 == $1 }
            words += wanted.count
        }
        guard words > 0 else { return [] }
        return [
            Figure(name: "precision", value: counts.precision),
            Figure(name: "recall", value: counts.recall), Figure(name: "f1", value: counts.f1),
            Figure(name: "accuracy", value: Double(right) / Double(words)),
        ]
    }

    /// The spans of a sentence.
    static func spans(_ tags: [String]) -> [Span] {
        var spans: [Span] = []
        var before: (tag: Character, type: Substring) = ("O", "")
        var start = 0
        for (place, text) in (tags + ["O"]).enumerated() {
            let tag = text.first ?? "O"
            let rest = text.dropFirst().split(
                separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            let type = rest.last.flatMap { $0.isEmpty ? nil : $0 } ?? "_"
            let isOther = before.type != type
            if ends(before.tag, tag, isOther: isOther) {
                spans.append(Span(type: before.type, words: start...place - 1))
            }
            if begins(before.tag, tag, isOther: isOther) { start = place }
            before = (tag, type)
        }
        return spans
    }

    private static func ends(_ before: Character, _ tag: Character, isOther: Bool) -> Bool {
        if before == "E" || before == "S" { return true }
        if before == "B" || before == "I", tag == "B" || tag == "S" || tag == "O" { return true }
        return before != "O" && before != "." && isOther
    }

    private static func begins(_ before: Character, _ tag: Character, isOther: Bool) -> Bool {
        if tag == "B" || tag == "S" { return true }
        if before == "E" || before == "S" || before == "O", tag == "E" || tag == "I" { return true }
        return tag != "O" && tag != "." && isOther
    }
}
