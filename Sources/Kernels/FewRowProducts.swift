private import CKernels

extension Workspace {
    /// The most rows that ``fewRowProduct(_:_:_:into:bias:)`` takes.
    package static let fewRows = 8

    /// The same of bfloat16 numbers, where the processor multiplies them in pairs: so many rows take little
    /// longer than arranging the weight for the general product would.
    private static let fewPairedRows = 32

    /// Whether a product is better computed by ``fewRowProduct(_:_:_:into:bias:)``.
    package static func hasFewRows(
        _ product: MatrixProduct, _ x: Buffer, _ weight: Buffer, into y: Buffer
    ) -> Bool {
        let most = isPaired(product, x, weight, into: y) ? fewPairedRows : fewRows
        return product.rows <= most && product.inner > 0 && !product.transposeA
    }

    private static func isPaired(
        _ product: MatrixProduct, _ x: Buffer, _ weight: Buffer, into y: Buffer
    ) -> Bool {
        PairOperand.isSupported && product.transposeB && x.type == .bfloat16
            && weight.type == .bfloat16 && y.type != .float16
    }

    /// y = x W, x Wᵀ (+ bias) (+ y) for few rows of x, as generation has them.
    ///
    /// The weight is read once, in its own order, divided over the threads by columns of the product:
    /// at this shape the product costs what reading the weight costs. x and W may be of different
    /// types, and y of a third; sums are float32, in an order that the number of rows does not change.
    /// `bias` (columns) is float32.
    ///
    /// - Parameter change: is added besides, to y of float32 or of its type; where rows of y are dense.
    package func fewRowProduct(
        _ product: MatrixProduct, _ x: Buffer, _ weight: Buffer, into y: Buffer,
        bias: Buffer? = nil, adding change: LowRankChange? = nil
    ) {
        precondition(
            (product.rows <= Self.fewRows || Self.isPaired(product, x, weight, into: y))
                && !product.transposeA,
            "a product of few rows: \(product)")
        let isPaired = Self.isPaired(product, x, weight, into: y)
        let input =
            isPaired
            ? (buffer: x, stride: product.strideA)
            : floats(x, rows: product.rows, width: product.inner, stride: product.strideA)
        var shape = lk_few_rows()
        shape.rows = product.rows
        shape.inner = product.inner
        shape.stride_w = product.strideB
        shape.stride_x = input.stride
        shape.stride_y = product.strideC
        shape.columns_first = product.transposeB
        shape.accumulate = product.accumulate
        let inner = change.map {
            reduced(by: $0, input.buffer, stride: input.stride, rows: product.rows)
        }
        // Fewer bytes than this are read faster than a second thread joins in.
        let least = max(16, 65_536 / max(product.inner * weight.type.bytes, 1))
        threads.share(product.columns, atLeast: least, step: LowRankChange.columnStep) {
            [shape] range in
            var part = shape
            part.columns = range.count
            if let bias { part.bias = UnsafePointer(bias.floats + range.lowerBound) }
            let offset = range.lowerBound * (product.transposeB ? product.strideB : 1)
            let (w, sums) = (
                weight.advanced(by: offset).pointer, y.advanced(by: range.lowerBound).pointer
            )
            if isPaired {
                lk_few_row_pairs(&part, w, input.buffer.pointer, y.type.rawValue, sums)
            } else {
                lk_few_row_product(
                    &part, weight.type.rawValue, w, input.buffer.floats, y.type.rawValue, sums)
            }
            if let change, let inner {
                change.add(inner, to: y, rows: product.rows, columns: range)
            }
        }
    }

    /// x in float32: itself, or a dense copy.
    package func floats(
        _ x: Buffer, rows: Int, width: Int, stride: Int
    ) -> (buffer: Buffer, stride: Int) {
        guard x.type != .float32 else { return (x, stride) }
        let copy = buffer(rows * width, .float32)
        if stride == width {
            lk_convert(x.type.rawValue, x.pointer, 0, copy.pointer, rows * width)
            return (copy, width)
        }
        for row in 0..<rows {
            lk_convert(
                x.type.rawValue, x.advanced(by: row * stride).pointer, 0,
                copy.advanced(by: row * width).pointer, width)
        }
        return (copy, width)
    }
}
