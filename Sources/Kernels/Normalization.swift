private import CKernels

/// A normalisation's operands: x (rows, width), gain and bias (width) in float32.
package struct NormalizationShape {
    package let rows: Int
    package let width: Int
    package let epsilon: Float

    package init(rows: Int, width: Int, epsilon: Float) {
        self.rows = rows
        self.width = width
        self.epsilon = epsilon
    }
}

extension Workspace {
    /// Layer norm. Keeps the mean and 1/√(variance + ε) of each row, (rows) float32.
    ///
    /// x is float32 or has y's type. Source: arXiv:1607.06450, eq. 4.
    package func layerNorm(
        _ shape: NormalizationShape, _ x: Buffer, gain: Buffer, bias: Buffer, into y: Buffer,
        mean: Buffer, inverse: Buffer
    ) {
        threads.divide(shape.rows, atLeast: 8) { range, _ in
            let start = range.lowerBound
            lk_layer_norm(
                x.type.rawValue, x.advanced(by: start * shape.width).pointer, gain.floats,
                bias.floats, shape.epsilon, y.type.rawValue,
                y.advanced(by: start * shape.width).pointer, mean.floats + start,
                inverse.floats + start, range.count, shape.width)
        }
    }

    /// dx = (or +=) the gradient of x; dgain and dbias (width) are added to, where given.
    package func layerNormGradient(
        _ shape: NormalizationShape, _ x: Buffer, gain: Buffer, mean: Buffer, inverse: Buffer,
        dy: Buffer, into dx: Buffer, adding: Bool, dgain: Buffer?, dbias: Buffer?
    ) {
        let partial = zeros(threads.threads * 2 * shape.width, .float32)
        threads.divide(shape.rows, atLeast: 8) { range, thread in
            let start = range.lowerBound
            let sums = partial.floats + thread * 2 * shape.width
            lk_layer_norm_gradient(
                x.type.rawValue, x.advanced(by: start * shape.width).pointer, gain.floats,
                mean.floats + start, inverse.floats + start, dy.type.rawValue,
                dy.advanced(by: start * shape.width).pointer,
                dx.advanced(by: start * shape.width).pointer, adding, sums, sums + shape.width,
                range.count, shape.width)
        }
        collect(partial, into: dgain, width: shape.width, first: 0, stride: 2)
        collect(partial, into: dbias, width: shape.width, first: 1, stride: 2)
    }

    /// RMS norm. Keeps 1/√(mean(x²) + ε) of each row, (rows) float32.
    ///
    /// x is float32 or has y's type. Source: arXiv:1910.07467, eq. 4.
    package func rmsNorm(
        _ shape: NormalizationShape, _ x: Buffer, gain: Buffer, into y: Buffer, inverse: Buffer
    ) {
        threads.divide(shape.rows, atLeast: 8) { range, _ in
            let start = range.lowerBound
            lk_rms_norm(
                x.type.rawValue, x.advanced(by: start * shape.width).pointer, gain.floats,
                shape.epsilon, y.type.rawValue, y.advanced(by: start * shape.width).pointer,
                inverse.floats + start, range.count, shape.width)
        }
    }

    /// dx = (or +=) the gradient of x; dgain (width) is added to, where given.
    package func rmsNormGradient(
        _ shape: NormalizationShape, _ x: Buffer, gain: Buffer, inverse: Buffer, dy: Buffer,
        into dx: Buffer, adding: Bool, dgain: Buffer?
    ) {
        let partial = zeros(threads.threads * shape.width, .float32)
        threads.divide(shape.rows, atLeast: 8) { range, thread in
            let start = range.lowerBound
            lk_rms_norm_gradient(
                x.type.rawValue, x.advanced(by: start * shape.width).pointer, gain.floats,
                inverse.floats + start, dy.type.rawValue,
                dy.advanced(by: start * shape.width).pointer,
                dx.advanced(by: start * shape.width).pointer, adding,
                partial.floats + thread * shape.width, range.count, shape.width)
        }
        collect(partial, into: dgain, width: shape.width, first: 0, stride: 1)
    }

    /// Adds the threads' partial sums in the order of the threads.
    private func collect(
        _ partial: Buffer, into sum: Buffer?, width: Int, first: Int, stride: Int
    ) {
        guard let sum else { return }
        for thread in 0..<threads.threads {
            lk_add(
                0, sum.pointer, 0,
                partial.advanced(by: (thread * stride + first) * width).pointer, width)
        }
    }
}
