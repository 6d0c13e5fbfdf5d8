/// The weight of a linear layer as its products take it: numbers of the compute type, or blocks.
package enum WeightOperand {
    /// (outputs, inputs), or (inputs, outputs) where it is transposed.
    case dense(Buffer, outputs: Int, inputs: Int, isTransposed: Bool)
    /// (outputs, inputs).
    case quantized(QuantizedMatrix)

    package var outputs: Int {
        switch self {
        case .dense(_, let outputs, _, _): outputs
        case .quantized(let matrix): matrix.rows
        }
    }

    package var inputs: Int {
        switch self {
        case .dense(_, _, let inputs, _): inputs
        case .quantized(let matrix): matrix.columns
        }
    }
}

extension Workspace {
    /// y = x Wᵀ (+ start) (+ bias). x (rows, inputs), y (rows, outputs), bias (outputs) float32.
    ///
    /// y has x's type or is float32.
    ///
    /// - Parameters:
    ///   - start: (rows, outputs) float32, as y is then.
    ///   - isInference: whether the bits may depend on how many rows there are: few are multiplied
    ///     by reading the weight once.
    ///   - change: is added besides; in inference, where
    ///     ``addsChange(rank:factors:to:of:rows:)`` says so.
    package func multiply(
        _ x: Buffer, rows: Int, by weight: WeightOperand, into y: Buffer, bias: Buffer? = nil,
        start: Buffer? = nil, isInference: Bool = false, adding change: LowRankChange? = nil
    ) {
        switch weight {
        case .dense(let buffer, let outputs, let inputs, let isTransposed):
            var product = MatrixProduct(
                rows: rows, columns: outputs, inner: inputs, transposeB: !isTransposed)
            guard isInference, isOfFewRows(product, x, buffer, into: y) else {
                precondition(change == nil, "a change of a product that is not of few rows")
                return matrices.multiply(product, x, buffer, into: y, bias: bias, start: start)
            }
            if let start { convert(start, to: y, count: rows * outputs) }
            product.accumulate = start != nil
            // A few at a time, where all are too many for one reading of the weight.
            let most = Self.hasFewRows(product, x, buffer, into: y) ? rows : Self.fewRows
            for first in stride(from: 0, to: rows, by: max(most, 1)) {
                product.rows = min(most, rows - first)
                fewRowProduct(
                    product, x.advanced(by: first * inputs), buffer,
                    into: y.advanced(by: first * outputs), bias: bias, adding: change)
            }
        case .quantized(let matrix):
            if let start { convert(start, to: y, count: rows * matrix.rows) }
            multiply(
                x, rows: rows, by: matrix, into: y, bias: bias, adding: start != nil,
                change: change)
        }
    }

    /// Whether inference reads the weight once, or once for a few rows, so that a row is multiplied as it would be
    /// alone.
    func isOfFewRows(
        _ product: MatrixProduct, _ x: Buffer, _ weight: Buffer, into y: Buffer
    ) -> Bool {
        Self.hasFewRows(product, x, weight, into: y)
            || (product.rows <= independentRows && product.inner > 0)
    }

    /// dx = dy W (+ dx). dy (rows, outputs), dx (rows, inputs), of dy's type or float32.
    /// - Parameter stride: elements of dy from one row to the next; 0 means dense.
    package func multiplyBack(
        _ dy: Buffer, rows: Int, by weight: WeightOperand, into dx: Buffer, adding: Bool = false,
        stride: Int = 0
    ) {
        switch weight {
        case .dense(let buffer, let outputs, let inputs, let isTransposed):
            matrices.multiply(
                MatrixProduct(
                    rows: rows, columns: inputs, inner: outputs, transposeB: isTransposed,
                    strideA: stride, accumulate: adding), dy, buffer, into: dx)
        case .quantized(let matrix):
            multiplyBack(
                dy, rows: rows, by: matrix, into: dx, adding: adding,
                stride: stride == 0 ? matrix.rows : stride)
        }
    }
}
