private import CKernels

extension Workspace {
    /// −log softmax(logits)[target] of each row into `losses` (rows), 0 where the target is negative.
    ///
    /// logits (rows, width) float32. `dlogits`, where given, becomes the gradient of
    /// `gradientScale` · Σ losses; it may be the logits' own memory if it is float32.
    ///
    /// With a `softcap` the softmax is that of softcap · tanh(logits / softcap), and the logits are
    /// used up.
    package func crossEntropy(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, gradientScale: Float,
        softcap: Float = 0, dlogits: Buffer?, losses: Buffer
    ) {
        targets.withUnsafeBufferPointer { targets in
            guard let base = targets.baseAddress else { return }
            threads.divide(rows) { range, _ in
                let start = range.lowerBound
                if softcap > 0 {
                    lk_capped_cross_entropy(
                        logits.floats + start * width, base + start, softcap, gradientScale,
                        (dlogits?.type ?? .float32).rawValue,
                        dlogits?.advanced(by: start * width).pointer, losses.floats + start,
                        range.count, width)
                    return
                }
                lk_cross_entropy(
                    logits.floats + start * width, base + start, gradientScale,
                    (dlogits?.type ?? .float32).rawValue,
                    dlogits?.advanced(by: start * width).pointer, losses.floats + start,
                    range.count, width, width)
            }
        }
    }

    /// log softmax(logits)[target] of each row, 0 where the target is negative.
    package func targetLogProbabilities(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, into y: Buffer
    ) {
        targets.withUnsafeBufferPointer { targets in
            guard let base = targets.baseAddress else { return }
            threads.divide(rows) { range, _ in
                let start = range.lowerBound
                lk_target_log_probabilities(
                    logits.floats + start * width, base + start, y.floats + start, range.count,
                    width)
            }
        }
    }
}
