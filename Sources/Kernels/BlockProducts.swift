private import CKernels

/// Square matrices (blocks, n, n), float32, that are multiplied block by block.
package struct BlockMatrices {
    package let blocks: Int
    package let size: Int

    package init(blocks: Int, size: Int) {
        self.blocks = blocks
        self.size = size
    }

    package var count: Int { blocks * size * size }
    /// Numbers of the upper triangles without the diagonals.
    package var skewCount: Int { blocks * (size * (size - 1) / 2) }
}

extension Workspace {
    /// c = op(a) · op(b), or c += that, for each block.
    package func multiply(
        _ form: BlockMatrices, _ a: Buffer, _ b: Buffer, into c: Buffer, transposeA: Bool = false,
        transposeB: Bool = false, adding: Bool = false
    ) {
        let area = form.size * form.size
        threads.divide(form.blocks, atLeast: max(1, 65_536 / max(area, 1))) { range, _ in
            let start = range.lowerBound * area
            lk_block_products(
                a.floats + start, b.floats + start, c.floats + start, range.count, form.size,
                transposeA, transposeB, adding ? 1 : 0)
        }
    }

    /// Skew matrices Q of their upper triangles, row by row.
    package func skew(_ form: BlockMatrices, _ upper: Buffer, into q: Buffer) {
        lk_skew(upper.floats, q.floats, form.blocks, form.size)
    }

    /// The gradient of ``skew(_:_:into:)``, added to `upper`.
    package func addSkewGradient(_ form: BlockMatrices, _ dq: Buffer, to upper: Buffer) {
        lk_skew_gradient(dq.floats, upper.floats, form.blocks, form.size)
    }

    /// x + value · I for each block.
    package func addDiagonal(_ form: BlockMatrices, _ value: Float, to x: Buffer) {
        lk_add_diagonal(x.floats, value, form.blocks, form.size)
    }

    /// y = x · R for rows (rows, blocks · n) float32, each block of columns by its own matrix.
    package func rotate(
        _ form: BlockMatrices, _ x: Buffer, by r: Buffer, into y: Buffer, rows: Int,
        transposed: Bool = false
    ) {
        let (n, width) = (form.size, form.blocks * form.size)
        let product = MatrixProduct(
            rows: rows, columns: n, inner: n, transposeB: transposed, strideA: width, strideB: n,
            strideC: width)
        threads.divide(form.blocks) { range, thread in
            for block in range {
                matrices.multiply(
                    product, x.advanced(by: block * n), r.advanced(by: block * n * n),
                    into: y.advanced(by: block * n), thread: thread)
            }
        }
    }

    /// Each block's xᵀ · dy, the gradient of what ``rotate(_:_:by:into:rows:transposed:)`` multiplies by.
    package func rotationGradient(
        _ form: BlockMatrices, _ x: Buffer, _ dy: Buffer, into dr: Buffer, rows: Int
    ) {
        let (n, width) = (form.size, form.blocks * form.size)
        let product = MatrixProduct(
            rows: n, columns: n, inner: rows, transposeA: true, strideA: width, strideB: width,
            strideC: n)
        threads.divide(form.blocks) { range, thread in
            for block in range {
                matrices.multiply(
                    product, x.advanced(by: block * n), dy.advanced(by: block * n),
                    into: dr.advanced(by: block * n * n), thread: thread)
            }
        }
    }
}
