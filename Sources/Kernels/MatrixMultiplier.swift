private import CKernels
private import COneDNN
private import COpenBLAS

/// C = A · B (+ C) (+ bias): one product, described by its extents and where its operands lie.
package struct MatrixProduct: Hashable {
    /// C is (rows, columns); `inner` is the extent summed over.
    package var rows: Int
    package var columns: Int
    package var inner: Int
    /// Whether A is stored (inner, rows) and B (columns, inner).
    package var transposeA = false
    package var transposeB = false
    /// Elements from one stored row to the next; 0 means dense.
    package var strideA = 0
    package var strideB = 0
    package var strideC = 0
    /// Adds to C instead of replacing it.
    package var accumulate = false

    package init(
        rows: Int, columns: Int, inner: Int, transposeA: Bool = false, transposeB: Bool = false,
        strideA: Int = 0, strideB: Int = 0, strideC: Int = 0, accumulate: Bool = false
    ) {
        self.rows = rows
        self.columns = columns
        self.inner = inner
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.strideA = strideA == 0 ? (transposeA ? rows : inner) : strideA
        self.strideB = strideB == 0 ? (transposeB ? inner : columns) : strideB
        self.strideC = strideC == 0 ? columns : strideC
        self.accumulate = accumulate
    }

    /// The part that computes the given rows of C.
    fileprivate func part(rows range: Range<Int>) -> (MatrixProduct, offsetA: Int, offsetC: Int) {
        var part = self
        part.rows = range.count
        return (
            part, range.lowerBound * (transposeA ? 1 : strideA), range.lowerBound * strideC
        )
    }

    /// The part that computes the given columns of C.
    fileprivate func part(columns range: Range<Int>) -> (MatrixProduct, offsetB: Int, offsetC: Int)
    {
        var part = self
        part.columns = range.count
        return (part, range.lowerBound * (transposeB ? strideB : 1), range.lowerBound)
    }
}

/// Matrix products of the three element types.
///
/// float32 through OpenBLAS; bfloat16 through oneDNN where the processor has it, summing in float32;
/// float16, and bfloat16 elsewhere, by way of float32 copies of the operands.
package final class MatrixMultiplier {
    private struct Key: Hashable {
        let product: MatrixProduct
        let output: ElementType
        let bias: Bool
    }

    private let pool: StoragePool
    private let threads: ThreadPool
    private let hasBFloat16 = onednn_has_bfloat16()
    /// By thread: a primitive may not run on two threads at once.
    private var primitives: [[Key: OpaquePointer]]

    init(pool: StoragePool, threads: ThreadPool) {
        self.pool = pool
        self.threads = threads
        primitives = Array(repeating: [:], count: threads.threads)
    }

    deinit {
        for primitive in primitives.flatMap(\.values) { onednn_product_destroy(primitive) }
    }

    /// Computes `product` with all threads.
    ///
    /// A and B have one type; C has it too or is float32. `bias` (columns) is float32.
    package func multiply(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer? = nil
    ) {
        let least = 1 << 20
        let work = product.rows * product.columns * product.inner
        if product.rows >= product.columns {
            let rows = max(16, least * product.rows / max(work, 1))
            threads.divide(product.rows, atLeast: rows, step: 16) { range, thread in
                let (part, offsetA, offsetC) = product.part(rows: range)
                multiply(
                    part, a.advanced(by: offsetA), b, into: c.advanced(by: offsetC), bias: bias,
                    thread: thread)
            }
        } else {
            let columns = max(16, least * product.columns / max(work, 1))
            threads.divide(product.columns, atLeast: columns, step: 16) { range, thread in
                let (part, offsetB, offsetC) = product.part(columns: range)
                multiply(
                    part, a, b.advanced(by: offsetB), into: c.advanced(by: offsetC),
                    bias: bias?.advanced(by: range.lowerBound), thread: thread)
            }
        }
    }

    /// Computes `product` on the calling thread, which is `thread` of the pool.
    package func multiply(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer? = nil,
        thread: Int
    ) {
        precondition(
            a.type == b.type && (c.type == a.type || c.type == .float32),
            "matrix product of \(a.type) and \(b.type) into \(c.type)")
        guard product.rows > 0, product.columns > 0 else { return }
        switch a.type {
        case .float32: multiplyFloat32(product, a, b, into: c, bias: bias)
        case .bfloat16 where hasBFloat16:
            multiplyBFloat16(product, a, b, into: c, bias: bias, thread: thread)
        default: multiplyByConversion(product, a, b, into: c, bias: bias)
        }
    }

    private func multiplyFloat32(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?
    ) {
        if let bias, product.accumulate {
            lk_add_rows(c.floats, bias.floats, product.rows, product.columns, product.strideC)
        } else if let bias {
            lk_fill_rows(
                0, c.pointer, bias.floats, product.rows, product.columns, product.strideC)
        }
        cblas_sgemm(
            CblasRowMajor, product.transposeA ? CblasTrans : CblasNoTrans,
            product.transposeB ? CblasTrans : CblasNoTrans, blasint(product.rows),
            blasint(product.columns), blasint(product.inner), 1, a.floats,
            blasint(product.strideA), b.floats, blasint(product.strideB),
            product.accumulate || bias != nil ? 1 : 0, c.floats, blasint(product.strideC))
    }

    private func multiplyBFloat16(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        thread: Int
    ) {
        let key = Key(product: product, output: c.type, bias: bias != nil)
        let primitive: OpaquePointer
        if let known = primitives[thread][key] {
            primitive = known
        } else {
            var shape = onednn_shape(
                m: Int64(product.rows), n: Int64(product.columns), k: Int64(product.inner),
                row_a: Int64(product.transposeA ? 1 : product.strideA),
                column_a: Int64(product.transposeA ? product.strideA : 1),
                row_b: Int64(product.transposeB ? 1 : product.strideB),
                column_b: Int64(product.transposeB ? product.strideB : 1),
                row_c: Int64(product.strideC), bfloat16_output: c.type == .bfloat16,
                accumulate: product.accumulate, bias: bias != nil)
            guard let made = onednn_product_create(&shape) else {
                preconditionFailure("oneDNN has no product for \(product)")
            }
            primitives[thread][key] = made
            primitive = made
        }
        let done = onednn_product_execute(
            primitive, a.pointer, b.pointer, bias?.floats, c.pointer)
        precondition(done, "oneDNN could not compute \(product)")
    }

    /// The rounding of operands and results is that of their types; the sums are float32.
    private func multiplyByConversion(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?
    ) {
        let extentA = product.transposeA ? (product.inner, product.rows) : (product.rows, product.inner)
        let extentB =
            product.transposeB ? (product.columns, product.inner) : (product.inner, product.columns)
        let denseA = floatCopy(of: a, extentA, stride: product.strideA)
        let denseB = floatCopy(of: b, extentB, stride: product.strideB)
        var dense = MatrixProduct(
            rows: product.rows, columns: product.columns, inner: product.inner,
            transposeA: product.transposeA, transposeB: product.transposeB)
        if c.type == .float32 {
            dense.strideC = product.strideC
            dense.accumulate = product.accumulate
            multiplyFloat32(dense, denseA, denseB, into: c, bias: bias)
            return
        }
        let extentC = (product.rows, product.columns)
        let denseC =
            product.accumulate
            ? floatCopy(of: c, extentC, stride: product.strideC)
            : Buffer(storage: pool.take(bytes: extentC.0 * extentC.1 * 4), type: .float32)
        dense.accumulate = product.accumulate
        multiplyFloat32(dense, denseA, denseB, into: denseC, bias: bias)
        for row in 0..<extentC.0 {
            lk_convert(
                0, denseC.advanced(by: row * extentC.1).pointer, c.type.rawValue,
                c.advanced(by: row * product.strideC).pointer, extentC.1)
        }
    }

    private func floatCopy(of x: Buffer, _ extent: (Int, Int), stride: Int) -> Buffer {
        let copy = Buffer(storage: pool.take(bytes: extent.0 * extent.1 * 4), type: .float32)
        for row in 0..<extent.0 {
            lk_convert(
                x.type.rawValue, x.advanced(by: row * stride).pointer, 0,
                copy.advanced(by: row * extent.1).pointer, extent.1)
        }
        return copy
    }
}
