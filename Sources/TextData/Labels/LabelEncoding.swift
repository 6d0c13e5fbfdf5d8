package import Datasets
import Files
import Templates
package import Tokenizers

/// Rows with labels as a model reads them.
package struct LabelEncoding: Sendable {
    package let tokenizer: any Tokenizer
    package let names: LabelNames
    /// Tokens of a text, special ones included.
    package let longest: Int
    /// Whether all tokens of a word have its label, `B-` becoming `I-` behind the first, or the first
    /// alone.
    package let labelsAllTokens: Bool
    /// Whether the model has types of tokens.
    package let hasTypes: Bool
    private let beginsWordsWithSpace: Bool

    package init(
        _ tokenizer: any Tokenizer, _ names: LabelNames, longest: Int,
        labelsAllTokens: Bool = false, hasTypes: Bool
    ) {
        self.tokenizer = tokenizer
        self.names = names
        self.longest = longest
        self.labelsAllTokens = labelsAllTokens
        self.hasTypes = hasTypes
        // A byte-level tokenizer's word begins with the space before it: Hugging Face's
        // add_prefix_space, which texts that are cut into words need.
        let first = tokenizer.encode(" a", addSpecialTokens: false).first
        beginsWordsWithSpace =
            first.flatMap { tokenizer.token(of: $0) }?.hasPrefix("\u{120}") == true
    }

    /// The examples of some rows, in order; rows that cannot be used are left out and counted.
    ///
    /// - Throws: ``ConversationError`` with `isStrict`, or where none can be used.
    package func examples(
        _ part: LabeledRows.Part, threads: Int, isStrict: Bool,
        _ report: inout InstructionReport
    ) throws(ConversationError) -> [LabeledExample] {
        let encoded = try part.encoded(threads: threads, isStrict: isStrict, &report) {
            row, _ throws(RowProblem) in try example(row)
        }
        report.truncatedRows += encoded.count(where: \.example.isCut)
        return encoded.map(\.example.0)
    }

    /// A row as an example, and whether its text was cut.
    func example(_ row: LabeledRow) throws(RowProblem) -> (LabeledExample, isCut: Bool) {
        switch row.content {
        case .text(let text, let pair):
            let label = try names.label(row.label)
            let (first, second) = (
                tokenizer.encode(text, addSpecialTokens: false),
                pair.map { tokenizer.encode($0, addSpecialTokens: false) }
            )
            let encoded = try assembled(first, second)
            guard !encoded.ids.isEmpty else {
                throw RowProblem(found: "a text without tokens", expected: "a text")
            }
            let kept = encoded.sources.count { $0 != .none }
            return (
                LabeledExample(ids: encoded.ids, types: types(encoded), label: label),
                kept < first.count + (second?.count ?? 0)
            )
        case .words(let words): return try example(words, row)
        case .question, .group:
            throw RowProblem(found: "several texts", expected: "a text, or words")
        }
    }

    private func example(
        _ words: [String], _ row: LabeledRow
    ) throws(RowProblem) -> (LabeledExample, isCut: Bool) {
        var labels: [Int32]?
        if case .each(let found) = try names.label(row.label, words: words.count) {
            labels = found
        }
        var ids: [Int32] = []
        var places: [Int32] = []
        for (number, word) in words.enumerated() {
            // An empty word has no token, nor a space before it.
            let isSpaced = beginsWordsWithSpace && !word.isEmpty && !word.hasPrefix(" ")
            let spaced = isSpaced ? " " + word : word
            let tokens = tokenizer.encode(spaced, addSpecialTokens: false)
            ids += tokens
            let label = labels?[number] ?? ExampleLabel.unknown
            for place in tokens.indices {
                places.append(
                    place == 0
                        ? label : labelsAllTokens ? inside(label) : TokenBatch.ignoredTarget)
            }
        }
        let encoded = try assembled(ids, nil)
        let kept = encoded.sources.count { $0 != .none }
        guard kept > 0 else {
            throw RowProblem(found: "words without tokens", expected: "words")
        }
        let targets = zip(encoded.sources, encoded.places).map {
            $0 == .none ? TokenBatch.ignoredTarget : places[$1]
        }
        return (
            LabeledExample(ids: encoded.ids, types: types(encoded), label: .each(targets)),
            kept < ids.count
        )
    }

    /// The label of a word's later tokens: `I-` of a `B-`, where there is one.
    private func inside(_ label: Int32) -> Int32 {
        guard label >= 0 else { return TokenBatch.ignoredTarget }
        let name = names.names[Int(label)]
        guard name.hasPrefix("B-"),
            let place = names.names.firstIndex(of: "I-" + name.dropFirst(2))
        else { return label }
        return Int32(place)
    }

    private func assembled(
        _ first: [Int32], _ second: [Int32]?
    ) throws(RowProblem) -> EncodedText {
        do throws(TokenizerError) {
            return try tokenizer.assemble(
                first, pair: second, truncation: Truncation(maxLength: longest))
        } catch {
            throw RowProblem(found: "\(error)", expected: "a text that the tokenizer can write")
        }
    }

    private func types(_ encoded: EncodedText) -> [Int32]? {
        hasTypes && encoded.typeIDs.contains { $0 != 0 } ? encoded.typeIDs : nil
    }
}
