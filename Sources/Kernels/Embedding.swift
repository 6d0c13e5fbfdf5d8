private import CKernels

extension Workspace {
    /// y (rows, width) float32 = (or +=) the rows of `table` named by ids.
    package func gatherRows(
        of table: Buffer, ids: [Int32], width: Int, into y: Buffer, adding: Bool = false
    ) {
        ids.withUnsafeBufferPointer { ids in
            guard let base = ids.baseAddress else { return }
            threads.divide(ids.count, atLeast: 32) { range, _ in
                lk_gather_rows(
                    table.type.rawValue, table.pointer, base + range.lowerBound,
                    y.floats + range.lowerBound * width, adding, range.count, width)
            }
        }
    }

    /// table[ids[r]] += dy[r] for each row, in the order of the rows.
    package func scatterAddRows(_ dy: Buffer, ids: [Int32], width: Int, into table: Buffer) {
        ids.withUnsafeBufferPointer { ids in
            guard let base = ids.baseAddress else { return }
            threads.divide(width, atLeast: 64, step: 16) { range, _ in
                lk_scatter_add_rows(
                    table.floats, base, dy.floats, ids.count, width, range.lowerBound, range.count)
            }
        }
    }
}
