private import COpenBLAS

extension Workspace {
    /// A = left · diag(values) · right by LAPACK's divide and conquer, values descending.
    ///
    /// A (rows, columns), left (rows, k), right (k, columns), with k the smaller extent; `nil` where
    /// LAPACK does not converge. On the calling thread; about 4·rows·columns·k operations.
    package func singularValueDecomposition(
        _ matrix: [Float], rows: Int, columns: Int
    ) -> (left: [Float], values: [Float], right: [Float])? {
        precondition(matrix.count == rows * columns, "\(matrix.count) of \(rows) x \(columns)")
        let k = min(rows, columns)
        guard k > 0 else { return ([], [], []) }
        // Row by row, the matrix is LAPACK's transpose: its left vectors are our right ones.
        var a = matrix
        var values = [Float](repeating: 0, count: k)
        var left = [Float](repeating: 0, count: rows * k)
        var right = [Float](repeating: 0, count: k * columns)
        var job = CChar(UInt8(ascii: "S"))
        var (m, n, least) = (Int32(columns), Int32(rows), Int32(k))
        var integers = [Int32](repeating: 0, count: 8 * k)
        var status: Int32 = 0
        var size: Float = 0
        var room: Int32 = -1
        sgesdd_(
            &job, &m, &n, &a, &m, &values, &right, &m, &left, &least, &size, &room, &integers,
            &status, 1)
        room = Int32(size) + 1
        var scratch = [Float](repeating: 0, count: Int(room))
        sgesdd_(
            &job, &m, &n, &a, &m, &values, &right, &m, &left, &least, &scratch, &room, &integers,
            &status, 1)
        guard status == 0, values.allSatisfy(\.isFinite) else { return nil }
        return (left, values, right)
    }
}
