private import CKernels

/// Which function an activation applies. Raw values are those of the C kernels.
package enum Activation: Int32, Sendable {
    /// x/2 · (1 + tanh(√(2/π)(x + 0.044715x³))). Source: arXiv:1606.08415, section 2.
    case geluTanh = 0
    /// x · Φ(x). Source: arXiv:1606.08415, eq. 1.
    case gelu = 1
    /// x · σ(x).
    case silu = 2
    case relu = 3
    case tanh = 4
}

extension Workspace {
    private static let grain = 16_384

    /// y = x, element by element, in y's type.
    package func convert(_ x: Buffer, to y: Buffer, count: Int) {
        threads.divide(count, atLeast: Self.grain, step: 64) { range, _ in
            lk_convert(
                x.type.rawValue, x.advanced(by: range.lowerBound).pointer, y.type.rawValue,
                y.advanced(by: range.lowerBound).pointer, range.count)
        }
    }

    /// y += x.
    package func add(_ x: Buffer, to y: Buffer, count: Int) {
        threads.divide(count, atLeast: Self.grain, step: 64) { range, _ in
            lk_add(
                y.type.rawValue, y.advanced(by: range.lowerBound).pointer, x.type.rawValue,
                x.advanced(by: range.lowerBound).pointer, range.count)
        }
    }

    /// y ·= factor.
    package func scale(_ y: Buffer, by factor: Float, count: Int) {
        threads.divide(count, atLeast: Self.grain, step: 64) { range, _ in
            lk_scale(
                y.type.rawValue, y.advanced(by: range.lowerBound).pointer, factor, range.count)
        }
    }

    /// sums (columns) += the sum over rows of x (rows, columns); sums is float32.
    ///
    /// - Parameter stride: elements of x from one row to the next; 0 means dense.
    package func addColumnSums(
        of x: Buffer, to sums: Buffer, rows: Int, columns: Int, stride: Int = 0
    ) {
        let stride = stride == 0 ? columns : stride
        threads.divide(columns, atLeast: 64, step: 64) { range, _ in
            lk_add_columns(
                sums.advanced(by: range.lowerBound).floats, x.type.rawValue,
                x.advanced(by: range.lowerBound).pointer, rows, range.count, stride)
        }
    }

    /// y = f(x).
    package func activate(_ kind: Activation, _ x: Buffer, into y: Buffer, count: Int) {
        threads.divide(count, atLeast: Self.grain, step: 64) { range, _ in
            lk_activation(
                kind.rawValue, x.type.rawValue, x.advanced(by: range.lowerBound).pointer,
                y.advanced(by: range.lowerBound).pointer, range.count)
        }
    }

    /// dx = dy · f′(x).
    package func activationGradient(
        _ kind: Activation, _ x: Buffer, _ dy: Buffer, into dx: Buffer, count: Int
    ) {
        threads.divide(count, atLeast: Self.grain, step: 64) { range, _ in
            lk_activation_gradient(
                kind.rawValue, x.type.rawValue, x.advanced(by: range.lowerBound).pointer,
                dy.advanced(by: range.lowerBound).pointer,
                dx.advanced(by: range.lowerBound).pointer, range.count)
        }
    }

    /// y = f(gate) · up.
    package func gate(
        _ kind: Activation, _ gate: Buffer, _ up: Buffer, into y: Buffer, count: Int
    ) {
        // An exponential each takes longer than reading does.
        threads.divide(count, atLeast: Self.grain / 4, step: 64) { range, _ in
            let start = range.lowerBound
            lk_gated(
                kind.rawValue, gate.type.rawValue, gate.advanced(by: start).pointer,
                up.advanced(by: start).pointer, y.advanced(by: start).pointer, range.count)
        }
    }

    /// dgate = dy · up · f′(gate); dup = dy · f(gate).
    package func gateGradient(
        _ kind: Activation, _ gate: Buffer, _ up: Buffer, _ dy: Buffer, intoGate dgate: Buffer,
        intoUp dup: Buffer, count: Int
    ) {
        threads.divide(count, atLeast: Self.grain, step: 64) { range, _ in
            let start = range.lowerBound
            lk_gated_gradient(
                kind.rawValue, gate.type.rawValue, gate.advanced(by: start).pointer,
                up.advanced(by: start).pointer, dy.advanced(by: start).pointer,
                dgate.advanced(by: start).pointer, dup.advanced(by: start).pointer, range.count)
        }
    }
}

/// Which elements a dropout keeps, as a function of a key and the element's index alone.
package struct DropoutMask: Sendable {
    /// Elements whose mixed bits lie below are dropped: p · 2³².
    let threshold: UInt32
    /// 1/(1 − p).
    let scale: Float
    package let probability: Float

    /// - Parameter probability: of dropping an element, in [0, 1).
    package init(probability: Float) {
        precondition(probability >= 0 && probability < 1, "dropout: probability \(probability)")
        self.probability = probability
        threshold = UInt32(Double(probability) * 4_294_967_296)
        scale = 1 / (1 - probability)
    }
}

extension Workspace {
    /// y = x · mask/(1 − p), or y += that, for rows that each have a key.
    package func dropout(
        _ x: Buffer, into y: Buffer, adding: Bool, mask: DropoutMask, keys: [UInt64], width: Int
    ) {
        threads.divide(keys.count) { range, _ in
            for row in range {
                lk_dropout(
                    x.type.rawValue, x.advanced(by: row * width).pointer, y.type.rawValue,
                    y.advanced(by: row * width).pointer, adding, mask.threshold, mask.scale,
                    keys[row], width)
            }
        }
    }
}
