private import CKernels

extension Workspace {
    /// −log softmax(logits)[target] of each row into `losses` (rows), 0 where the target is negative.
    ///
    /// logits (rows, width) float32. `dlogits`, where given, becomes the gradient of
    /// `gradientScale` · Σ losses; its rows may begin where those of the logits do.
    ///
    /// With a `softcap` the softmax is that of softcap · tanh(logits / softcap), and the logits are
    /// used up.
    ///
    /// - Parameters:
    ///   - weights: (rows) float32, by which each row's loss and gradient are multiplied; 1 without.
    ///   - stride: elements of `dlogits` from one row to the next; 0 means dense.
    ///   - unweighted: becomes the losses (rows) as they are without weights.
    package func crossEntropy(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, gradientScale: Float,
        softcap: Float = 0, weights: Buffer? = nil, dlogits: Buffer?, stride: Int = 0,
        losses: Buffer, unweighted: Buffer? = nil
    ) {
        let stride = stride == 0 ? width : stride
        targets.withUnsafeBufferPointer { targets in
            guard let base = targets.baseAddress else { return }
            if let weights {
                threads.divide(rows) { range, _ in
                    for row in range {
                        let weight = weights.floats[row]
                        let type = (dlogits?.type ?? .float32).rawValue
                        let gradient = dlogits?.advanced(by: row * stride).pointer
                        let (x, loss) = (logits.floats + row * width, losses.floats + row)
                        if softcap > 0 {
                            lk_capped_cross_entropy(
                                x, base + row, softcap, gradientScale * weight, type, gradient,
                                loss, 1, width, stride)
                        } else {
                            lk_cross_entropy(
                                x, base + row, gradientScale * weight, type, gradient, loss, 1,
                                width, stride)
                        }
                        unweighted?.floats[row] = loss.pointee
                        loss.pointee *= weight
                    }
                }
                return
            }
            threads.divide(rows) { range, _ in
                let start = range.lowerBound
                if softcap > 0 {
                    lk_capped_cross_entropy(
                        logits.floats + start * width, base + start, softcap, gradientScale,
                        (dlogits?.type ?? .float32).rawValue,
                        dlogits?.advanced(by: start * stride).pointer, losses.floats + start,
                        range.count, width, stride)
                } else {
                    lk_cross_entropy(
                        logits.floats + start * width, base + start, gradientScale,
                        (dlogits?.type ?? .float32).rawValue,
                        dlogits?.advanced(by: start * stride).pointer, losses.floats + start,
                        range.count, width, stride)
                }
                for row in range { unweighted?.floats[row] = losses.floats[row] }
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

    /// The entropy of softmax(logits) of each row, in natural-log units. logits (rows, width) float32.
    package func entropies(logits: Buffer, rows: Int, width: Int, into y: Buffer) {
        threads.divide(rows) { range, _ in
            let start = range.lowerBound
            lk_entropies(
                logits.floats + start * width, y.floats + start, range.count, width)
        }
    }
}
