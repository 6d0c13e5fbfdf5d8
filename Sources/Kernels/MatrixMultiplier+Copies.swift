/// Products of types that the processor does not multiply: float32 products of float32 copies, made part
/// by part, so that the copies stay small and in a core's caches. Operands and results are rounded as
/// their types are; sums are float32.
extension MatrixMultiplier {
    /// Rows and columns of a part. A copied number is used as many times.
    private static let side = 512
    /// Columns whose sums are kept where C is not float32 itself.
    private static let panel = 4096
    /// Terms of a part's sums: 4 MB of each operand at most.
    private static let terms = 2048

    /// Computes a product on the calling thread, which is `thread` of the pool.
    func multiplyCopies(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        thread: Int
    ) {
        for columns in Self.parts(product.columns, of: Self.panel) {
            let (wide, offsetB, offsetC) = product.part(columns: columns)
            for rows in Self.parts(product.rows, of: Self.side) {
                let (part, offsetA, offsetRow) = wide.part(rows: rows)
                multiplyBand(
                    part, a.advanced(by: offsetA), b.advanced(by: offsetB),
                    into: c.advanced(by: offsetC + offsetRow),
                    bias: bias?.advanced(by: columns.lowerBound), thread: thread)
            }
        }
    }

    /// Some rows of a panel of C.
    private func multiplyBand(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        thread: Int
    ) {
        let extent = (product.rows, product.columns)
        var band = product
        var sums = c
        if c.type != .float32 {
            sums = perThread[thread].floats(extent.0 * extent.1, operand: 2, from: pool)
            band.strideC = product.columns
            if product.accumulate { widen(c, extent, stride: product.strideC, into: sums) }
        }
        for terms in Self.parts(product.inner, of: Self.terms) {
            band.accumulate = product.accumulate || terms.lowerBound > 0
            add(
                terms, of: band, a, b, into: sums, bias: terms.lowerBound == 0 ? bias : nil,
                thread: thread)
        }
        if c.type != .float32 { narrow(sums, extent, into: c, stride: product.strideC) }
    }

    /// What some terms of the sums give.
    private func add(
        _ terms: Range<Int>, of band: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer,
        bias: Buffer?, thread: Int
    ) {
        let count = terms.count
        let (extentA, startA) =
            band.transposeA
            ? ((count, band.rows), terms.lowerBound * band.strideA)
            : ((band.rows, count), terms.lowerBound)
        let copyA = perThread[thread].floats(count * band.rows, operand: 0, from: pool)
        widen(a.advanced(by: startA), extentA, stride: band.strideA, into: copyA)
        for columns in Self.parts(band.columns, of: Self.side) {
            let (part, offsetB, offsetC) = band.part(columns: columns)
            let (extentB, startB) =
                band.transposeB
                ? ((part.columns, count), offsetB + terms.lowerBound)
                : ((count, part.columns), offsetB + terms.lowerBound * band.strideB)
            let copyB = perThread[thread].floats(count * part.columns, operand: 1, from: pool)
            widen(b.advanced(by: startB), extentB, stride: band.strideB, into: copyB)
            multiplyFloat32(
                MatrixProduct(
                    rows: band.rows, columns: part.columns, inner: count,
                    transposeA: band.transposeA, transposeB: band.transposeB,
                    strideC: band.strideC, accumulate: band.accumulate),
                copyA, copyB, into: c.advanced(by: offsetC),
                bias: bias?.advanced(by: columns.lowerBound))
        }
    }

    /// In the fewest parts of at most `length`, equal but for the last.
    private static func parts(_ count: Int, of length: Int) -> [Range<Int>] {
        guard count > 0 else { return [] }
        let parts = (count + length - 1) / length
        let step = min(length, ((count + parts - 1) / parts + 15) / 16 * 16)
        return stride(from: 0, to: count, by: step).map { $0..<min($0 + step, count) }
    }
}
