private import CKernels

/// One optimizer step's numbers, the same for every element of a range.
package struct UpdateFactors: Sendable {
    package var learningRate: Float
    /// Float64, so that 1 − β is as exact as β.
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Float
    package var weightDecay: Float
    /// 1 − β₁ᵗ and 1 − β₂ᵗ at step t (from 1). For SGD, `correction1` = 0 marks the first step.
    package var correction1: Float
    package var correction2: Float
    /// Factor on the gradients: unscaling, the division by the target count and clipping in one.
    package var gradientScale: Float

    package init(
        learningRate: Float, beta1: Double, beta2: Double, epsilon: Float, weightDecay: Float,
        correction1: Float, correction2: Float, gradientScale: Float
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.correction1 = correction1
        self.correction2 = correction2
        self.gradientScale = gradientScale
    }

    fileprivate var native: lk_update {
        lk_update(
            learning_rate: learningRate, beta1: Float(beta1), beta2: Float(beta2),
            epsilon: epsilon, weight_decay: weightDecay, rest1: Float(1 - beta1),
            rest2: Float(1 - beta2), correction1: correction1, correction2: correction2,
            gradient_scale: gradientScale)
    }
}

/// Which formula moves the weights.
package enum UpdateRule: Sendable, Equatable {
    case adamW
    case lion
    case sgd(nesterov: Bool)

    package var hasSecondMoment: Bool { self == .adamW }
}

extension Workspace {
    /// Moves `count` weights, and their copies of a narrower type where there are some.
    ///
    /// weights, gradients and moments are float32.
    package func update(
        _ rule: UpdateRule, _ factors: UpdateFactors, weights: Buffer, gradients: Buffer,
        first: Buffer?, second: Buffer?, copies: Buffer?, count: Int
    ) {
        let form = (copies?.type ?? .float32).rawValue
        update(rule, factors, gradients, first, second, count: count) { start in
            (weights.advanced(by: start).pointer, form, copies?.advanced(by: start).pointer)
        }
    }

    /// Moves `count` weights that are kept in halves. Gradients and moments are float32.
    package func update(
        _ rule: UpdateRule, _ factors: UpdateFactors, weights: SplitNumbers, gradients: Buffer,
        first: Buffer?, second: Buffer?, count: Int
    ) {
        let form = Int32(LK_HALVES)
        update(rule, factors, gradients, first, second, count: count) { start in
            (
                UnsafeMutableRawPointer(weights.lower + start), form,
                weights.rounded.advanced(by: start).pointer
            )
        }
    }

    /// - Parameter weights: where the weights from an element on lie, their form, and their copies.
    private func update(
        _ rule: UpdateRule, _ factors: UpdateFactors, _ gradients: Buffer, _ first: Buffer?,
        _ second: Buffer?, count: Int,
        weights: (_ start: Int) -> (
            pointer: UnsafeMutableRawPointer, form: Int32, copy: UnsafeMutableRawPointer?
        )
    ) {
        threads.divide(count, atLeast: 16_384, step: 64) { range, _ in
            let start = range.lowerBound
            var native = factors.native
            let (pointer, form, copy) = weights(start)
            let gradients = gradients.floats + start
            let first = first.map { $0.floats + start }
            switch rule {
            case .adamW:
                lk_adamw(
                    &native, pointer, gradients, first, second.map { $0.floats + start }, form,
                    copy, range.count)
            case .lion:
                lk_lion(&native, pointer, gradients, first, form, copy, range.count)
            case .sgd(let nesterov):
                lk_sgd(&native, nesterov, pointer, gradients, first, form, copy, range.count)
            }
        }
    }

    /// y = keep · y + share · x, `count` float32 numbers.
    package func blend(
        _ y: Buffer, keeping keep: Float, adding x: Buffer, times share: Float, count: Int
    ) {
        threads.divide(count, atLeast: 16_384, step: 64) { range, _ in
            let start = range.lowerBound
            lk_blend(y.floats + start, keep, x.floats + start, share, range.count)
        }
    }

    /// Adam's moments of `count` gradients, and y = first / (√second + ε), where nothing is corrected
    /// for the moments' first values; all float32.
    package func adamDirection(
        _ factors: UpdateFactors, gradients: Buffer, first: Buffer, second: Buffer, into y: Buffer,
        count: Int
    ) {
        threads.divide(count, atLeast: 16_384, step: 64) { range, _ in
            let start = range.lowerBound
            var native = factors.native
            lk_adam_direction(
                &native, gradients.floats + start, first.floats + start, second.floats + start,
                y.floats + start, range.count)
        }
    }

    /// Σ x² in float64; infinite or NaN if an element is.
    package func sumOfSquares(_ x: Buffer, count: Int) -> Double {
        sumOfBlocks(count) { start, count in lk_sum_of_squares(x.floats + start, count) }
    }

    /// The sum of what `body` gives for each block of elements.
    ///
    /// Blocks do not depend on the number of threads.
    func sumOfBlocks(_ count: Int, _ body: (_ start: Int, _ count: Int) -> Double) -> Double {
        let block = 1 << 16
        let blocks = (count + block - 1) / block
        var sums = [Double](repeating: 0, count: blocks)
        sums.withUnsafeMutableBufferPointer { sums in
            guard let base = sums.baseAddress else { return }
            threads.divide(blocks) { range, _ in
                for index in range {
                    let start = index * block
                    base[index] = body(start, min(block, count - start))
                }
            }
        }
        return sums.reduce(0, +)
    }

    /// Whether no element of x (float32) is infinite or NaN.
    package func allFinite(_ x: Buffer, count: Int) -> Bool {
        lk_all_finite(x.floats, count)
    }
}
