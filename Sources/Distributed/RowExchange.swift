package import Autograd
import Kernels

/// A table of embeddings whose lookups' gradients are summed over ranks row by row.
package struct LookupTable {
    package let parameter: Parameter
    /// Whether more than lookups adds to its gradient: logits tied to it.
    package let hasDensePart: Bool
    /// The rows that a rank's lookups touch in a step, as far as is known before.
    package let mostRows: Int

    package init(_ parameter: Parameter, hasDensePart: Bool, mostRows: Int) {
        self.parameter = parameter
        self.hasDensePart = hasDensePart
        self.mostRows = mostRows
    }
}

/// Sums the gradients of a table's rows over ranks: every rank gets all ranks' rows and adds them in
/// the order of the ranks, so all end with the same bits.
final class RowExchange {
    let table: Parameter
    /// What lookups have left; the step's passes fill it.
    let rows: RowGradients
    private let communicator: any Communicator
    private let workspace: Workspace
    /// For each rank room for its rows, followed by their ids.
    private var room: Buffer
    private var roomCount: Int
    let mostRows: Int

    init(_ table: LookupTable, over communicator: any Communicator, in workspace: Workspace) {
        self.table = table.parameter
        self.communicator = communicator
        self.workspace = workspace
        mostRows = table.mostRows
        rows = RowGradients(width: self.table.shape.width)
        roomCount = communicator.size * mostRows * (rows.width + 1)
        room = workspace.zeros(roomCount, .float32)
        self.table.rowGradients = rows
    }

    /// Adds all ranks' rows to the table's gradient, which holds the sum of the rest. Collective.
    func finish() throws(CommunicationError) {
        guard let gradient = table.gradient else { return }
        let ids = rows.touchedIDs
        var touched = [Double](repeating: 0, count: communicator.size)
        touched[communicator.rank] = Double(ids.count)
        try communicator.sum(&touched)
        let counts = touched.map { Int($0) * (rows.width + 1) }
        let offsets = counts.indices.map { counts[0..<$0].reduce(0, +) }
        let total = counts.reduce(0, +)
        if total > roomCount {
            roomCount = total
            room = workspace.buffer(total, .float32)
        }
        let own = room.advanced(by: offsets[communicator.rank])
        rows.sum(of: ids, into: own, in: workspace)
        rows.clear()
        let view = room.hostView(0..<total)
        // Ids travel as the bits of floats: a gather moves bytes and computes nothing.
        let places = offsets[communicator.rank] + ids.count * rows.width
        for (index, id) in ids.enumerated() {
            view.words[places + index] = Float(bitPattern: UInt32(bitPattern: id))
        }
        try communicator.allGather(buffer: view.words, counts: counts, offsets: offsets)
        view.commit()
        for rank in counts.indices {
            let count = Int(touched[rank])
            let first = offsets[rank] + count * rows.width
            workspace.scatterAddRows(
                room.advanced(by: offsets[rank]),
                ids: (first..<first + count).map { Int32(bitPattern: view.words[$0].bitPattern) },
                width: rows.width, into: gradient)
        }
    }
}
