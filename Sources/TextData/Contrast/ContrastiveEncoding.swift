package import Datasets
import Files
import Templates
package import Tokenizers

/// Rows of texts that belong together as a model reads them.
package struct ContrastiveEncoding: Sendable {
    private let tokenizer: any Tokenizer
    /// Tokens of a text, special ones included.
    private let longest: Int
    /// Whether texts that are too long lose their beginnings.
    private let cutsBeginning: Bool

    package init(_ tokenizer: any Tokenizer, longest: Int, cutsBeginning: Bool = false) {
        self.tokenizer = tokenizer
        self.longest = longest
        self.cutsBeginning = cutsBeginning
    }

    /// The examples of some rows, in order; rows that cannot be used are left out and counted.
    ///
    /// - Throws: ``ConversationError`` with `isStrict`, where none can be used, and where rows have not
    ///   equally many texts.
    package func examples(
        _ part: LabeledRows.Part, threads: Int, isStrict: Bool,
        _ report: inout InstructionReport
    ) throws(ConversationError) -> [ContrastiveExample] {
        let encoded = try part.encoded(threads: threads, isStrict: isStrict, &report) {
            row, _ throws(RowProblem) in try example(row)
        }
        let count = encoded.first?.example.example.texts.count
        for ((example, isCut), place) in encoded {
            if let count, count != example.texts.count {
                throw .setting(
                    name: "the rows of all datasets",
                    found: "\(count) texts in one and \(example.texts.count) in another "
                        + "(\(place.file) \(place.position))",
                    expected: "equally many; name the same columns in text_column_names")
            }
            if isCut { report.truncatedRows += 1 }
        }
        return encoded.map(\.example.example)
    }

    /// A row as an example, and whether a text was cut. A text alone belongs to itself.
    private func example(
        _ row: LabeledRow
    ) throws(RowProblem) -> (example: ContrastiveExample, isCut: Bool) {
        guard case .group(let texts) = row.content else {
            throw RowProblem(found: "a row of another kind", expected: "texts that belong together")
        }
        var isCut = false
        var encoded: [LabeledExample] = []
        for text in texts {
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            let whole: EncodedText
            do throws(TokenizerError) {
                whole = try tokenizer.assemble(
                    ids, truncation: Truncation(maxLength: longest, cutsLeft: cutsBeginning))
            } catch {
                throw RowProblem(found: "\(error)", expected: "a text that the tokenizer can write")
            }
            let kept = whole.sources.count { $0 != .none }
            guard kept > 0 else {
                throw RowProblem(
                    found: ids.isEmpty
                        ? "a text without tokens" : "a text of which cutoff_len leaves no token",
                    expected: "a text")
            }
            isCut = isCut || kept < ids.count
            encoded.append(LabeledExample(ids: whole.ids, label: .none))
        }
        return (
            ContrastiveExample(encoded.count == 1 ? encoded + encoded : encoded), isCut
        )
    }
}
