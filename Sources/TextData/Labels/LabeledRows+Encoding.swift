import Datasets
import Files
import Templates

extension LabeledRows.Part {
    /// What `encode` makes of each row and its number, in order, with the row's place; rows that cannot be used are
    /// left out and counted.
    ///
    /// - Throws: ``ConversationError`` with `isStrict`, or where none can be used.
    func encoded<Example: Sendable>(
        threads: Int, portion: Int = 64, isStrict: Bool, _ report: inout InstructionReport,
        _ encode: @Sendable (LabeledRow, Int) throws(RowProblem) -> Example
    ) throws(ConversationError) -> [(
        example: Example, place: (file: String, position: RowPosition)
    )] {
        let numbered = rows.enumerated().map { ($0, $1.row) }
        let results = numbered.mapped(threads: threads, portion: portion) { number, row in
            Result { () throws(RowProblem) in try encode(row, number) }
        }
        var examples: [(example: Example, place: (file: String, position: RowPosition))] = []
        var first: WrongRow?
        for (result, row) in zip(results, rows) {
            switch result {
            case .success(let example): examples.append((example, row.place))
            case .failure(let problem):
                let wrong = problem.at(file: row.place.file, position: row.place.position)
                guard !isStrict else { throw .row(wrong) }
                first = first ?? wrong
                report.add(wrong)
            }
        }
        if examples.isEmpty, let first {
            throw .allRowsWrong(dataset: name ?? "the dataset", rows: rows.count, first: first)
        }
        return examples
    }
}
