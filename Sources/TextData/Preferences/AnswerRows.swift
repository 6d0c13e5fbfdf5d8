/// Prompts with their answers as rows of one batch, filled up behind.
package struct AnswerRows: Sendable, Equatable {
    /// Rows, R.
    package let count: Int
    /// Places of a row, T.
    package let columns: Int
    /// (R, T), 0 behind an answer's end.
    package let ids: [Int32]
    /// (R, T), the token that follows where it is one of the answer's; else negative.
    package let targets: [Int32]
    /// (R), tokens of prompt and answer, 1 at least.
    package let lengths: [Int]
    /// (R), targets of each row.
    package let targetCounts: [Int]

    /// - Parameters:
    ///   - answers: `nil` for a row that only fills the batch.
    ///   - longest: places that a row has at most, but for what an answer takes itself.
    package init(_ answers: [PromptedAnswer?], longest: Int = .max) {
        count = answers.count
        let most = answers.map { $0.map { $0.prompt.count + $0.answer.count } ?? 1 }.max() ?? 1
        let columns = ExampleSamples.columns(forLongest: Swift.max(1, most), atMost: longest)
        self.columns = columns
        var ids = [Int32](repeating: 0, count: answers.count * columns)
        var targets = [Int32](repeating: TokenBatch.ignoredTarget, count: ids.count)
        for (row, answer) in answers.enumerated() {
            guard let answer else { continue }
            let first = row * columns
            for (place, id) in answer.ids.enumerated() {
                ids[first + place] = id
                // The place before an answer's token predicts it.
                guard place > 0, place >= answer.prompt.count else { continue }
                targets[first + place - 1] = id
            }
        }
        (self.ids, self.targets) = (ids, targets)
        lengths = answers.map { Swift.max(1, $0?.ids.count ?? 1) }
        targetCounts = answers.map { $0?.targetCount ?? 0 }
    }

    /// Each row's places with a target, in order.
    package func targetPlaces(of row: Int) -> Range<Int> {
        let end = row * columns + lengths[row] - 1
        return end - targetCounts[row]..<end
    }
}
