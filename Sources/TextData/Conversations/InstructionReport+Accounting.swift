import Datasets
import Templates

extension InstructionReport {
    /// Counts wrong rows, and stops where that is asked for or no row of a dataset is right.
    ///
    /// - Parameter failures: of the rows, in `order`.
    mutating func account(
        _ failures: [RowFailure?], of rows: DatasetRows, _ order: [DatasetRows.Reference],
        isStrict: Bool
    ) throws(ConversationError) {
        var right = [Int](repeating: 0, count: rows.datasets.count)
        var wrong = right
        var first: [Int: WrongRow] = [:]
        self.rows += order.count
        for (failure, reference) in zip(failures, order) {
            let dataset = Int(reference.dataset)
            switch failure {
            case nil: right[dataset] += 1
            case .media(let column):
                let place = RowProblem(found: column, expected: "text")
                throw .media(column: column, row: rows.wrongRow(place, reference))
            case .wrong(let problem):
                let row = rows.wrongRow(problem, reference)
                if isStrict { throw .row(row) }
                add(row)
                wrong[dataset] += 1
                if first[dataset] == nil { first[dataset] = row }
            }
        }
        for (dataset, row) in first.sorted(by: { $0.key < $1.key }) where right[dataset] == 0 {
            throw .allRowsWrong(
                dataset: rows.datasets[dataset].entry.name, rows: wrong[dataset], first: row)
        }
    }
}
