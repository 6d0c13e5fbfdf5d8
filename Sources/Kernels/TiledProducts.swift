extension Workspace {
    /// C = A · B (+ C) of float32, in tiles of C's longer side that do not depend on the number of
    /// threads: libraries may add up a product of another size in another order.
    package func multiplyByTiles(_ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer)
    {
        let length = 128
        let divides = product.rows >= product.columns
        let side = divides ? product.rows : product.columns
        threads.divide((side + length - 1) / length) { range, thread in
            for tile in range {
                let first = tile * length
                var part = product
                if divides {
                    part.rows = min(length, side - first)
                    matrices.multiply(
                        part, a.advanced(by: first * (product.transposeA ? 1 : product.strideA)),
                        b, into: c.advanced(by: first * product.strideC), thread: thread)
                } else {
                    part.columns = min(length, side - first)
                    matrices.multiply(
                        part, a,
                        b.advanced(by: first * (product.transposeB ? product.strideB : 1)),
                        into: c.advanced(by: first), thread: thread)
                }
            }
        }
    }
}
