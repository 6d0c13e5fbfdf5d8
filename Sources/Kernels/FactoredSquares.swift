private import CKernels

extension Workspace {
    /// Means of (scale · g)² + floor over each row (rows) and each column (columns). g (rows, columns) and
    /// the means are float32.
    package func squareMeans(
        of g: Buffer, scale: Float, floor: Float, rows: Int, columns: Int, intoRows: Buffer,
        intoColumns: Buffer
    ) {
        threads.divide(rows, atLeast: max(1, 65_536 / max(columns, 1))) { range, _ in
            let start = range.lowerBound
            lk_row_square_means(
                g.floats + start * columns, scale, floor, range.count, columns,
                intoRows.floats + start)
        }
        threads.divide(columns, atLeast: 64, step: 64) { range, _ in
            let start = range.lowerBound
            lk_column_square_means(
                g.floats + start, scale, floor, rows, range.count, columns,
                intoColumns.floats + start)
        }
    }

    /// y = scale · g · row factor · column factor. g, y (rows, columns), factors (rows) and (columns), all
    /// float32.
    package func scale(
        _ g: Buffer, by scale: Float, rowFactors: Buffer, columnFactors: Buffer, into y: Buffer,
        rows: Int, columns: Int
    ) {
        threads.divide(rows, atLeast: max(1, 65_536 / max(columns, 1))) { range, _ in
            let start = range.lowerBound
            lk_scale_by_factors(
                g.floats + start * columns, scale, rowFactors.floats + start,
                columnFactors.floats, y.floats + start * columns, range.count, columns)
        }
    }
}
