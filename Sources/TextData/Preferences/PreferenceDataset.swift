package import Datasets
import Files
import Templates

/// Preferences of datasets, encoded: pairs of answers, or answers with tags.
package struct PreferenceDataset<Example: Sendable>: Sendable {
    /// Examples that belong together.
    package struct Part: Sendable {
        package let examples: [Example]
        /// Whether they are learned from; else they are evaluated on.
        package let isLearned: Bool
        /// The dataset, where each is evaluated by itself.
        package let name: String?
        /// The first one's number among all of the run.
        package let first: Int
    }

    package private(set) var parts: [Part] = []
    package private(set) var report: InstructionReport

    /// A row's whole prompt and answers, or why there are none.
    fileprivate typealias Read<Value: Sendable> = RowEncoding.Result<Value>

    /// A row's example, and what became of its prompt and answers.
    fileprivate typealias Made = (
        example: Example, isCut: Bool, isPromptCut: Bool, targets: [Int]
    )

    /// Rows with prompts that lost their end, which are named.
    private static var shownRows: Int { 5 }

    fileprivate init<Whole: Sendable>(
        _ rows: InstructionRows, cutoff: Int,
        read: @Sendable @escaping (DatasetRows, DatasetRows.Reference) -> Read<Whole>,
        make: ([Whole]) -> [Made]
    ) throws(ConversationError) {
        report = InstructionReport()
        report.notices = rows.notices
        var cut: [String] = []
        var cutCount = 0
        for part in rows.parts {
            let source = part.rows
            let results = part.order.mapped(threads: rows.settings.threads, portion: 64) {
                read(source, $0)
            }
            try report.account(
                results.map(\.failure), of: source, part.order, isStrict: rows.settings.isStrict)
            let whole = results.compactMap(\.value)
            let places = zip(results, part.order).filter { $0.0.value != nil }.map(\.1)
            var examples: [Example] = []
            for (made, place) in zip(make(whole), places) {
                if made.isCut { report.truncatedRows += 1 }
                guard made.targets.allSatisfy({ $0 > 0 }) else {
                    report.rowsWithoutLabels += 1
                    continue
                }
                if made.isPromptCut {
                    cutCount += 1
                    let (file, position) = source.place(of: place)
                    if cut.count < Self.shownRows { cut.append("\(file) \(position)") }
                }
                examples.append(made.example)
            }
            guard !examples.isEmpty else {
                throw .noLabels(rows: whole.count, cutoffLength: cutoff)
            }
            let first = parts.last.map { $0.first + $0.examples.count } ?? 0
            parts.append(
                Part(examples: examples, isLearned: part.isLearned, name: part.name, first: first))
        }
        if cutCount > 0 {
            report.notices.append(
                "\(cutCount) of \(report.rows) prompts lost their end to cutoff_len \(cutoff), and "
                    + "with it what was just asked: \(cut.joined(separator: ", "))"
                    + (cutCount > cut.count ? ", …" : "") + "; raise cutoff_len")
        }
    }
}

extension InstructionRows {
    /// What encodes a row's whole prompt and answer.
    fileprivate func whole(
        _ conversation: Conversation
    ) throws(RowProblem) -> PromptedAnswer {
        let encoded = try encoder.promptExample(conversation)
        return PromptedAnswer(prompt: encoded.ids, answer: encoded.labels)
    }

    fileprivate static func result<Value: Sendable>(
        _ body: () throws(RowFailure) -> Value
    ) -> RowEncoding.Result<Value> {
        do throws(RowFailure) {
            return RowEncoding.Result(value: try body())
        } catch {
            return RowEncoding.Result(failure: error)
        }
    }
}

/// What `body` gives; its problem as a row's failure.
private func ofRow<Value>(_ body: () throws(RowProblem) -> Value) throws(RowFailure) -> Value {
    do throws(RowProblem) {
        return try body()
    } catch {
        throw .wrong(error)
    }
}

extension PreferenceDataset where Example == EncodedPair {
    /// Pairs of answers. Prompts are the chosen answer's.
    ///
    /// - Parameters:
    ///   - rows: with settings whose own `cutoff_len` cuts nothing.
    ///   - cutoff: tokens of a prompt and an answer at most.
    /// - Throws: ``ConversationError`` for what is wrong with the data.
    package init(pairs rows: InstructionRows, cutoff: Int) throws(ConversationError) {
        try self.init(
            rows, cutoff: cutoff,
            read: { source, place in
                InstructionRows.result { () throws(RowFailure) -> EncodedPair in
                    let row = try source.rankedAnswers(place)
                    return try ofRow { () throws(RowProblem) in
                        let chosen = try rows.whole(row.conversation(row.chosen))
                        let rejected = try rows.whole(row.conversation(row.rejected))
                        return EncodedPair(
                            chosen: chosen,
                            rejected: PromptedAnswer(
                                prompt: chosen.prompt, answer: rejected.answer))
                    }
                }
            },
            make: { whole in
                whole.map { pair in
                    let cut = pair.cut(to: cutoff)
                    return (
                        cut, cut != pair, cut.chosen.prompt.count < pair.chosen.prompt.count,
                        [cut.chosen.targetCount, cut.rejected.targetCount]
                    )
                }
            })
    }
}

/// A row's whole prompt and answer, with its tag.
private struct JudgedWhole: Sendable {
    let answer: PromptedAnswer
    let isDesirable: Bool
}

extension PreferenceDataset where Example == JudgedExample {
    /// Answers with tags. The mismatch of a row is the answer of the row before it in the order of its
    /// part, the last one's for the first: one rule for any number of ranks and threads.
    ///
    /// - Parameters: as of pairs.
    package init(judged rows: InstructionRows, cutoff: Int) throws(ConversationError) {
        try self.init(
            rows, cutoff: cutoff,
            read: { source, place in
                InstructionRows.result { () throws(RowFailure) -> JudgedWhole in
                    let row = try source.judgedAnswer(place)
                    return try ofRow { () throws(RowProblem) in
                        JudgedWhole(
                            answer: try rows.whole(row.conversation), isDesirable: row.isDesirable)
                    }
                }
            },
            make: { whole in
                whole.indices.map { row in
                    let own = whole[row]
                    let before = whole[row == 0 ? whole.count - 1 : row - 1]
                    let example = JudgedExample(
                        answer: own.answer.cut(to: cutoff), isDesirable: own.isDesirable,
                        mismatch: PromptedAnswer(
                            prompt: own.answer.prompt, answer: before.answer.answer
                        ).cut(to: cutoff))
                    return (
                        example, example.answer != own.answer,
                        example.answer.prompt.count < own.answer.prompt.count,
                        [example.answer.targetCount, example.mismatch.targetCount]
                    )
                }
            })
    }
}
