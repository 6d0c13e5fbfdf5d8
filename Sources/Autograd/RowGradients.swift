package import Kernels

/// Gradients of single rows of a table, kept apart from the table's own gradient.
///
/// What lookups add touches few rows and is complete only when backward ends. Apart, it does not keep
/// the rest of the gradient (that of tied logits, complete when backward has hardly begun) from being
/// summed over ranks meanwhile.
package final class RowGradients {
    /// Elements of a row.
    package let width: Int
    private var chunks: [(ids: [Int32], rows: Tensor)] = []

    package init(width: Int) { self.width = width }

    /// Keeps the gradients of a lookup's results: ids (rows), gradient (rows, width) float32.
    func add(ids: [Int32], _ gradient: Tensor) {
        precondition(
            gradient.type == .float32 && gradient.count == ids.count * width,
            "row gradients: \(ids.count) ids, width \(width), gradient \(gradient.shape)")
        chunks.append((ids, gradient))
    }

    /// Forgets all rows.
    package func clear() { chunks = [] }

    /// The ids that have gradients, ascending, each once.
    package var touchedIDs: [Int32] { Array(Set(chunks.flatMap(\.ids))).sorted() }

    /// Sums the gradients of each id into its row of `rows`, (ids, width) float32.
    ///
    /// - Parameter ids: ``touchedIDs``.
    package func sum(of ids: [Int32], into rows: Buffer, in workspace: Workspace) {
        workspace.clear(rows, count: ids.count * width)
        let places = Dictionary(
            uniqueKeysWithValues: ids.enumerated().map { ($1, Int32($0)) })
        for chunk in chunks {
            workspace.scatterAddRows(
                chunk.rows.buffer, ids: chunk.ids.map { places[$0] ?? 0 }, width: width,
                into: rows)
        }
    }

    /// Whether no gradient is an infinity or NaN.
    package func isFinite(in workspace: Workspace) -> Bool {
        chunks.allSatisfy { workspace.allFinite($0.rows.buffer, count: $0.rows.count) }
    }
}
