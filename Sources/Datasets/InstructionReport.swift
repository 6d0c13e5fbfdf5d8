package import Templates

/// What became of the rows of a run.
package struct InstructionReport: Sendable, Equatable {
    /// Rows that were read.
    package var rows = 0
    /// Rows that could not be used.
    package var wrongRows = 0
    /// The first three of them.
    package var firstWrongRows: [WrongRow] = []
    /// Rows cut to `cutoff_len`.
    package var truncatedRows = 0
    /// Rows with no label left after that; they are dropped.
    package var rowsWithoutLabels = 0
    /// Longer than a pack; they are dropped.
    package var rowsTooLong = 0
    /// Rows to evaluate on that have a prompt, but no example for the loss, and the first of them.
    package private(set) var promptOnlyRows = 0
    package private(set) var firstPromptOnlyRow: WrongRow?
    /// What else a user may want to know.
    package var notices: [String] = []
    /// What to say of calls of tools, and the format that wrote them.
    package var callNotices: Set<CallNotice> = []
    package var toolFormat = ""

    /// Wrong rows that are kept to be shown.
    static let shown = 3

    package init() {}

    package mutating func add(_ wrong: WrongRow) {
        wrongRows += 1
        if firstWrongRows.count < Self.shown { firstWrongRows.append(wrong) }
    }

    package mutating func addPromptOnly(_ row: WrongRow) {
        promptOnlyRows += 1
        if firstPromptOnlyRow == nil { firstPromptOnlyRow = row }
    }

    /// What to print, a line each; nothing when all rows were used as they are.
    package var lines: [String] {
        var lines = notices
        lines += CallNotice.allCases.filter(callNotices.contains).map { $0.line(toolFormat) }
        if wrongRows > 0 {
            lines.append("\(wrongRows) of \(rows) rows are wrong and were skipped:")
            lines += firstWrongRows.map { "  \($0)" }
        }
        if promptOnlyRows > 0, let first = firstPromptOnlyRow {
            lines.append(
                "\(promptOnlyRows) rows to evaluate on can be continued, but have no part in the "
                    + "loss; the first: \(first)")
        }
        if truncatedRows > 0 {
            lines.append("\(truncatedRows) of \(rows) rows are longer than cutoff_len and were cut")
        }
        if rowsWithoutLabels > 0 {
            lines.append(
                "\(rowsWithoutLabels) of \(rows) rows have no label left within cutoff_len and "
                    + "were skipped; raise cutoff_len")
        }
        if rowsTooLong > 0 {
            lines.append("\(rowsTooLong) of \(rows) rows are longer than a pack and were skipped")
        }
        return lines
    }
}
