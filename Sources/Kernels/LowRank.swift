private import CKernels

extension Workspace {
    /// y (ids, rows) = the columns of `table` (rows, columns) named by ids, in the table's type.
    package func gatherColumns(
        of table: Buffer, columns: Int, ids: [Int32], rows: Int, into y: Buffer
    ) {
        precondition(
            y.type == table.type && ids.allSatisfy { $0 >= 0 && $0 < columns },
            "gather: \(table.type) into \(y.type), ids up to \(ids.max() ?? 0) of \(columns)")
        lk_gather_columns(
            table.type.rawValue, table.pointer, columns, ids, y.pointer, ids.count, rows)
    }

    /// Adds the rows of dy (ids, rows) to the columns of `table` (rows, columns) named by ids.
    package func scatterAddColumns(
        _ dy: Buffer, ids: [Int32], rows: Int, columns: Int, into table: Buffer
    ) {
        lk_scatter_add_columns(table.floats, columns, ids, dy.floats, ids.count, rows)
    }

    /// y = x · factors, or y += that. x and y (rows, columns), factors (columns) float32.
    package func scaleColumns(
        _ x: Buffer, by factors: Buffer, into y: Buffer, adding: Bool, rows: Int, columns: Int
    ) {
        threads.divide(rows, atLeast: max(1, 16_384 / max(columns, 1))) { range, _ in
            let start = range.lowerBound * columns
            lk_scale_columns(
                x.type.rawValue, x.advanced(by: start).pointer, factors.floats, y.type.rawValue,
                y.advanced(by: start).pointer, adding, range.count, columns)
        }
    }

    /// sums (columns) += Σ over rows of x · y / norms. x and y (rows, columns); the rest float32.
    package func addColumnProducts(
        _ x: Buffer, _ y: Buffer, dividedBy norms: Buffer, to sums: Buffer, rows: Int,
        columns: Int
    ) {
        precondition(
            x.type == y.type || x.type == .float32, "column products of \(x.type) and \(y.type)")
        threads.divide(columns, atLeast: 64, step: 64) { range, _ in
            let start = range.lowerBound
            lk_add_column_products(
                x.type.rawValue, x.advanced(by: start).pointer, y.type.rawValue,
                y.advanced(by: start).pointer, norms.advanced(by: start).floats,
                sums.advanced(by: start).floats, rows, range.count, columns)
        }
    }

    /// norms (outputs) = ‖row j of W + s·B·A‖, from its parts, all float32 but B and c.
    ///
    /// ‖Wⱼ + s·(BA)ⱼ‖² = ‖Wⱼ‖² + 2s·bⱼ·(A Wⱼ) + s²·bⱼ·(A Aᵀ)·bⱼ: no product as large as W.
    ///
    /// - Parameters:
    ///   - squares: ‖Wⱼ‖², (outputs).
    ///   - b: (outputs, rank).
    ///   - c: A Wᵀ, (rank, outputs), of b's type.
    ///   - gram: A Aᵀ, (rank, rank).
    package func lowRankNorms(
        squares: Buffer, b: Buffer, c: Buffer, gram: Buffer, scale: Float, outputs: Int, rank: Int,
        into norms: Buffer
    ) {
        precondition(b.type == c.type, "low rank norms of \(b.type) and \(c.type)")
        lk_low_rank_norms(
            b.type.rawValue, squares.floats, b.pointer, c.pointer, gram.floats, scale,
            norms.floats, outputs, rank)
    }

    /// Every row of y (rows, columns) = row, or += row where y is float32 and `adding`.
    package func spread(_ row: Buffer, over y: Buffer, adding: Bool, rows: Int, columns: Int) {
        if adding {
            lk_add_rows(y.floats, row.floats, rows, columns, columns)
        } else {
            lk_fill_rows(y.type.rawValue, y.pointer, row.floats, rows, columns, columns)
        }
    }

    /// y = x / divisors + addend, float32; a divisor of zero counts as one.
    package func divide(
        _ x: Buffer, by divisors: Buffer, adding addend: Float, into y: Buffer, count: Int
    ) {
        lk_divide_and_add(x.floats, divisors.floats, addend, y.floats, count)
    }
}
