private import CKernels

/// What heads do to logits beside the product with W.
extension Workspace {
    /// x = cap · tanh(x / cap), float32. Source: arXiv:2408.00118, section 2.
    package func softcap(_ x: Buffer, _ cap: Float, count: Int) {
        threads.divide(count, atLeast: 16_384, step: 64) { range, _ in
            lk_softcap(x.floats + range.lowerBound, cap, range.count)
        }
    }

    /// inverse (rows) float32 = 1/max(‖row‖, 1e-12) of x (rows, width).
    package func inverseRowNorms(of x: Buffer, rows: Int, width: Int, into inverse: Buffer) {
        threads.divide(rows, atLeast: 64) { range, _ in
            lk_inverse_row_norms(
                x.type.rawValue, x.advanced(by: range.lowerBound * width).pointer,
                inverse.floats + range.lowerBound, range.count, width)
        }
    }

    /// y (rows, width) float32 −= factors (rows) · x (rows, width).
    package func subtract(
        _ x: Buffer, timesRows factors: Buffer, from y: Buffer, rows: Int, width: Int
    ) {
        threads.divide(rows, atLeast: 64) { range, _ in
            let start = range.lowerBound
            lk_subtract_scaled_rows(
                y.floats + start * width, x.type.rawValue, x.advanced(by: start * width).pointer,
                factors.floats + start, range.count, width)
        }
    }
}
