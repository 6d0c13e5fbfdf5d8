package import Datasets
import Files
import Templates
package import Tokenizers

/// Questions with their contexts as a model reads them: in windows that overlap.
package struct QuestionEncoding: Sendable {
    package let tokenizer: any Tokenizer
    /// Tokens of a window, special ones included.
    package let longest: Int
    /// Tokens of the context that a window shares with the one before (`doc_stride`).
    package let stride: Int
    /// Whether the model has types of tokens.
    package let hasTypes: Bool

    package init(_ tokenizer: any Tokenizer, longest: Int, stride: Int, hasTypes: Bool) {
        self.tokenizer = tokenizer
        self.longest = longest
        self.stride = stride
        self.hasTypes = hasTypes
    }

    /// A question with its windows.
    package struct Encoded: Sendable {
        package let question: HeldOutQuestion
        /// One for each window.
        package let examples: [LabeledExample]
    }

    /// The questions of some rows, in order; rows that cannot be used are left out and counted.
    ///
    /// - Throws: ``ConversationError`` with `isStrict`, or where none can be used.
    package func questions(
        _ part: LabeledRows.Part, threads: Int, isStrict: Bool, _ report: inout InstructionReport
    ) throws(ConversationError) -> [Encoded] {
        try part.encoded(threads: threads, portion: 16, isStrict: isStrict, &report) {
            row, number throws(RowProblem) in try question(row, number: number)
        }.map(\.example)
    }

    /// - Parameter number: the row's, which names a question without an id.
    func question(_ row: LabeledRow, number: Int) throws(RowProblem) -> Encoded {
        guard case .question(let text, let context, let id) = row.content else {
            throw RowProblem(found: "a text", expected: "a question and its context")
        }
        let answers = try row.label.map { value throws(RowProblem) in
            try RowAnswers(value, context: context)
        }
        // Some questions of SQuAD begin with many blanks, which leave no room.
        let question = String(
            String.UnicodeScalarView(text.unicodeScalars.drop(while: \.isPythonSpace)))
        let (first, second) = (
            tokenizer.encodeWithOffsets(question), tokenizer.encodeWithOffsets(context)
        )
        let pairs: [EncodedText]
        do throws(TokenizerError) {
            pairs = try tokenizer.windows(
                first.ids, pair: second.ids, cutsSecond: true, maxLength: longest, stride: stride)
        } catch {
            throw RowProblem(
                found: "a question of \(first.ids.count) tokens: \(error)",
                expected: "one that leaves room in a window")
        }
        var windows: [AnswerWindow] = []
        var examples: [LabeledExample] = []
        for pair in pairs {
            let window = answerWindow(pair, first, second)
            windows.append(window)
            examples.append(
                LabeledExample(
                    ids: pair.ids,
                    types: hasTypes && pair.typeIDs.contains { $0 != 0 } ? pair.typeIDs : nil,
                    label: label(window, answers, pair.ids)))
        }
        return Encoded(
            question: HeldOutQuestion(
                id: id ?? "\(number)", context: context, answers: answers?.texts, windows: windows),
            examples: examples)
    }

    private func answerWindow(
        _ pair: EncodedText, _ first: LocatedTokens, _ second: LocatedTokens
    ) -> AnswerWindow {
        let offsets = tokenizer.offsets(of: pair, first, second)
        let context = pair.sources.indices.filter { pair.sources[$0] == .second }
        return AnswerWindow(first: context.first ?? 0, offsets: context.map { offsets[$0] })
    }

    /// The answer's tokens; of none, and of one that the window does not hold, the token that stands for
    /// the whole text.
    private func label(
        _ window: AnswerWindow, _ answers: RowAnswers?, _ ids: [Int32]
    ) -> ExampleLabel {
        guard let answers else { return .none }
        if let start = answers.start, let text = answers.texts.first,
            let span = window.span(from: start, to: start + text.unicodeScalars.count)
        {
            return .span(start: Int32(span.start), end: Int32(span.end))
        }
        let whole = [tokenizer.classifier, tokenizer.beginOfText].compactMap { $0 }
        let place = whole.lazy.compactMap { ids.firstIndex(of: $0) }.first ?? 0
        return .span(start: Int32(place), end: Int32(place))
    }
}
