extension Workspace {
    /// The largest singular values of a matrix (rows, columns) and their vectors: left (rows, rank),
    /// right (rank, columns); `nil` where LAPACK does not converge, which only happens to numbers that
    /// are not finite.
    ///
    /// Source of the randomized method: Halko et al. 2009, arXiv:0909.4061, algorithm 4.4, as
    /// torch.svd_lowrank has it. The same on any number of threads.
    ///
    /// - Parameters:
    ///   - matrix: float32.
    ///   - iterations: of the randomized method; `nil` for an exact decomposition.
    ///   - key: of the normal numbers that the method begins with.
    package func truncatedSVD(
        _ matrix: Buffer, rows: Int, columns: Int, rank: Int, iterations: Int?, key: UInt64
    ) -> (left: [Float], values: [Float], right: [Float])? {
        guard let iterations else {
            guard
                let whole = singularValueDecomposition(
                    numbers(matrix, count: rows * columns), rows: rows, columns: columns)
            else { return nil }
            let count = min(rows, columns)
            var left: [Float] = []
            for row in 0..<rows { left += whole.left[row * count..<row * count + rank] }
            return (
                left, Array(whole.values.prefix(rank)),
                Array(whole.right.prefix(rank * columns))
            )
        }
        let start = buffer(rank * columns, .float32)
        fillNormal(start, count: rank * columns, deviation: 1, key: key)
        // Bases are kept as rows: Q (rank, rows), P (rank, columns).
        var q = basis(of: start, times: matrix, rank, rows: rows, columns: columns, back: true)
        for _ in 0..<iterations {
            let p = basis(of: q, times: matrix, rank, rows: rows, columns: columns, back: false)
            q = basis(of: p, times: matrix, rank, rows: rows, columns: columns, back: true)
        }
        let small = buffer(rank * columns, .float32)
        multiplyByTiles(
            MatrixProduct(rows: rank, columns: columns, inner: rows), q, matrix, into: small)
        guard
            let parts = singularValueDecomposition(
                numbers(small, count: rank * columns), rows: rank, columns: columns)
        else { return nil }
        let left = buffer(rows * rank, .float32)
        multiplyByTiles(
            MatrixProduct(rows: rows, columns: rank, inner: rank, transposeA: true), q,
            stored(parts.left), into: left)
        return (numbers(left, count: rows * rank), parts.values, parts.right)
    }

    /// An orthonormal basis of the rows of x Wᵀ (`back`), or of x W.
    private func basis(
        of x: Buffer, times w: Buffer, _ rank: Int, rows: Int, columns: Int, back: Bool
    ) -> Buffer {
        let width = back ? rows : columns
        let product = buffer(rank * width, .float32)
        multiplyByTiles(
            MatrixProduct(
                rows: rank, columns: width, inner: back ? columns : rows, transposeB: back), x, w,
            into: product)
        return stored(numbers(product, count: rank * width).orthonormalRows(width))
    }

    private func stored(_ numbers: [Float]) -> Buffer {
        let buffer = buffer(numbers.count, .float32)
        store(numbers, into: buffer)
        return buffer
    }
}

extension [Float] {
    /// The rows of a matrix made orthonormal, twice by modified Gram-Schmidt; a row that depends
    /// on earlier ones becomes zero.
    fileprivate func orthonormalRows(_ width: Int) -> [Float] {
        var x = map(Double.init)
        let rows = width == 0 ? 0 : count / width
        for row in 0..<rows {
            let place = row * width
            let before = (place..<place + width).reduce(0.0) { $0 + x[$1] * x[$1] }
            for _ in 0..<2 {
                for other in 0..<row {
                    var dot = 0.0
                    for i in 0..<width { dot += x[place + i] * x[other * width + i] }
                    for i in 0..<width { x[place + i] -= dot * x[other * width + i] }
                }
            }
            let square = (place..<place + width).reduce(0.0) { $0 + x[$1] * x[$1] }
            let factor = square > before * 1e-12 ? 1 / square.squareRoot() : 0
            for i in place..<place + width { x[i] *= factor }
        }
        return x.map(Float.init)
    }
}
