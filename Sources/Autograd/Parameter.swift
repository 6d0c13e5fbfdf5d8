import Foundation
package import Kernels

/// How a parameter's first numbers are drawn.
package enum Initializer: Sendable, Hashable {
    case zeros
    case ones
    case normal(deviation: Float)
    /// Normal numbers, those further from 0 than `cutoff` deviations drawn again.
    case truncatedNormal(deviation: Float, cutoff: Float)
    /// On (−bound, bound).
    case uniform(bound: Float)
    /// A table of positions, row by row of `width` numbers: of row p, sin(p / 10000^(2i/width)) and cos of the
    /// same take turns. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    case sinusoids(width: Int)
}

/// A named array the optimizer may change.
package final class Parameter {
    /// The Hugging Face name, e.g. `model.layers.3.self_attn.q_proj.weight`. Also the checkpoint key,
    /// the adapter target and the optimizer-group key.
    package let name: String
    package let shape: Shape
    package let initializer: Initializer
    /// Whether it is one in the kernels' eyes: they may read matrices in the compute type, vectors they read in
    /// float32.
    package let isMatrix: Bool
    /// Whether weight decay applies. transformers leaves out norms and what has "bias" in its name
    /// (`Trainer.get_decay_parameter_names`); matrices decay unless their layer says otherwise, vectors do not.
    package var decays: Bool
    /// Whether the optimizer may change it; a quantized one it never may.
    package var isTrainable: Bool {
        get { mayTrain && quantized == nil }
        set { mayTrain = newValue }
    }
    private var mayTrain = true
    /// Whether rows of it are read in float32, as embeddings are; products alone read ``value``.
    package var isLookedUp = false
    /// The row of a table that stands for padding: it begins as zeros, and lookups of it have no
    /// gradient, as with PyTorch's `padding_idx`.
    package var paddingRow: Int?
    /// The part of its elements that are multiplied for one token: 0 of a table that is only looked
    /// up, and of experts those that a token goes through. For counting operations.
    package var productShare = 1.0
    /// How it lies in memory, where it is a linear layer's weight.
    package var layout = WeightLayout.outputsByInputs
    /// Frozen weights in blocks, read instead of ``value``: (out, in) whatever the layout, as GGUF has
    /// them. Set before the parameter gets its memory, it gets none.
    package var quantized: QuantizedMatrix? {
        didSet {
            guard let quantized else { return }
            let found = [quantized.rows, quantized.columns]
            let extents = shape.extents
            precondition(
                found == (layout == .outputsByInputs ? extents : extents.reversed()),
                "\(name) \(shape) (\(layout)) set to quantized \(found)")
        }
    }

    /// A frozen parameter of another model whose numbers are read in place of own ones. Set before the
    /// parameter gets its memory, it gets none.
    package var lender: Parameter? {
        didSet {
            guard let lender else { return }
            precondition(
                lender.shape == shape && lender.layout == layout && !lender.learns,
                "\(name) \(shape) reads \(lender.name) \(lender.shape)")
            quantized = lender.quantized
        }
    }

    /// float32 weights that updates apply to; `nil` while frozen, and where they are ``split``.
    package internal(set) var master: Buffer?
    /// The float32 weights that updates apply to, where they are kept in halves; of a matrix,
    /// ``value`` is the rounded one.
    package internal(set) var split: SplitNumbers?
    /// What kernels read: the master itself, or a copy of it in the compute type (matrices only).
    private var storedValue: Buffer?
    /// The memory of its gradient; `nil` while frozen.
    private var storedGradient: Buffer?
    /// Whether what lies there is an earlier step's, and counts as zero.
    private(set) var gradientIsStale = false
    /// Where lookups put their gradients instead of ``gradient``; `nil` where they add to that.
    package var rowGradients: RowGradients?

    package init(name: String, shape: Shape, initializer: Initializer) {
        self.name = name
        self.shape = shape
        self.initializer = initializer
        isMatrix = shape.extents.count >= 2
        decays = isMatrix
    }

    package var count: Int { shape.count }

    /// Whether it has a gradient.
    package var learns: Bool { storedGradient != nil }

    /// float32 sum of gradients; `nil` while frozen.
    package internal(set) var gradient: Buffer? {
        get {
            settleGradient()
            return storedGradient
        }
        set {
            storedGradient = newValue
            gradientIsStale = false
        }
    }

    /// The gradient for a product that covers all of it, and whether the product adds to what is there
    /// or is the first of the step and replaces it: the array need not be cleared, nor read.
    func gradientOfProduct() -> (buffer: Buffer, adding: Bool)? {
        guard let storedGradient else { return nil }
        defer { gradientIsStale = false }
        return (storedGradient, !gradientIsStale)
    }

    /// Lets the gradient count as zero.
    func dropGradient() { gradientIsStale = storedGradient != nil }

    /// Clears the gradient's memory, with a workspace's threads if there is one, if it only counts as
    /// zero.
    func settleGradient(in workspace: Workspace? = nil) {
        guard gradientIsStale, let storedGradient else { return }
        gradientIsStale = false
        if let workspace {
            workspace.clear(storedGradient, count: count)
        } else {
            storedGradient.clear(count: count)
        }
    }

    /// What products with it read; the parameter is a matrix.
    func operand(_ layout: WeightLayout = .outputsByInputs) -> WeightOperand {
        if let quantized { return .quantized(quantized) }
        let isTransposed = layout == .inputsByOutputs
        return .dense(
            value, outputs: shape.extents[isTransposed ? 1 : 0],
            inputs: shape.extents[isTransposed ? 0 : 1], isTransposed: isTransposed)
    }

    /// What kernels read.
    package internal(set) var value: Buffer {
        get {
            guard let storedValue else {
                preconditionFailure("parameter \(name) has no storage yet")
            }
            return storedValue
        }
        set { storedValue = newValue }
    }

    /// float32 numbers, as norms and biases are kept.
    package var floatValue: Buffer { master ?? value }

    /// The type kernels read it in, for a compute type.
    package func valueType(_ compute: ElementType) -> ElementType { decays ? compute : .float32 }
}

extension Workspace {
    /// Sets a parameter's numbers, in the master and in what kernels read.
    package func assign(_ numbers: [Float], to parameter: Parameter) {
        precondition(
            numbers.count == parameter.count && parameter.quantized == nil,
            "\(parameter.name) \(parameter.shape) \(parameter.quantized?.format.name ?? "") "
                + "assigned \(numbers.count) numbers")
        if let split = parameter.split {
            store(numbers, into: split)
            if parameter.isMatrix { return }
        } else if let master = parameter.master {
            store(numbers, into: master)
        }
        store(numbers, into: parameter.value)
    }

    /// The parameter's float32 numbers, in its own shape; quantized ones decoded.
    package func numbers(_ parameter: Parameter) -> [Float] {
        guard let quantized = parameter.quantized else {
            if let split = parameter.split { return numbers(split, count: parameter.count) }
            return numbers(parameter.floatValue, count: parameter.count)
        }
        let decoded = buffer(quantized.count, .float32)
        dequantize(quantized, rows: 0..<quantized.rows, into: decoded)
        let numbers = numbers(decoded, count: quantized.count)
        guard parameter.layout == .inputsByOutputs else { return numbers }
        return transposed(numbers, rows: quantized.rows, columns: quantized.columns)
    }

    /// Copies the parameter's float32 numbers, in its own shape; quantized ones decoded.
    package func copy(_ parameter: Parameter, into y: Buffer) {
        if parameter.quantized != nil {
            store(numbers(parameter), into: y)
        } else if let split = parameter.split {
            join(split, into: y, count: parameter.count)
        } else {
            convert(parameter.floatValue, to: y, count: parameter.count)
        }
    }

    /// Lets the parameter read `numbers`, of its own shape, in blocks of `format`.
    ///
    /// Before the parameter gets its memory; afterwards only the numbers change.
    package func quantize(
        _ numbers: [Float], as format: QuantizedFormat, into parameter: Parameter
    ) {
        precondition(
            parameter.shape.extents.count == 2 && numbers.count == parameter.count,
            "\(parameter.name) \(parameter.shape) quantized from \(numbers.count) numbers")
        let extents = parameter.shape.extents
        let isTransposed = parameter.layout == .inputsByOutputs
        let rows =
            isTransposed
            ? transposed(numbers, rows: extents[0], columns: extents[1]) : numbers
        parameter.quantized = QuantizedMatrix.quantize(
            rows, rows: extents[isTransposed ? 1 : 0], columns: extents[isTransposed ? 0 : 1],
            as: format)
    }

    /// Draws the parameter's first numbers from the stream of its name; a quantized one has its own.
    package func initialize(_ parameter: Parameter, seed: UInt64) {
        guard parameter.quantized == nil else { return }
        let key = RandomStream.key(seed: seed, name: parameter.name)
        // Piece by piece: what is drawn is taken on while it lies in the processor's cache.
        let most = 1 << 17
        let scratch =
            parameter.master == nil ? buffer(min(parameter.count, most), .float32) : nil
        for start in stride(from: 0, to: parameter.count, by: most) {
            let count = min(most, parameter.count - start)
            guard let drawn = scratch ?? parameter.master?.advanced(by: start) else { return }
            draw(parameter.initializer, into: drawn, count: count, key: key, from: start)
            clearPadding(of: parameter, in: drawn, start..<start + count)
            if let split = parameter.split {
                self.split(drawn, into: split.advanced(by: start), count: count)
                if parameter.isMatrix { continue }
            }
            let value = parameter.value.advanced(by: start)
            if !drawn.begins(where: value) { convert(drawn, to: value, count: count) }
        }
    }

    /// Sets what lies of the padding row in a piece of the parameter's numbers to zero.
    private func clearPadding(of parameter: Parameter, in piece: Buffer, _ range: Range<Int>) {
        guard let row = parameter.paddingRow else { return }
        let width = parameter.shape.width
        let zeros = range.clamped(to: row * width..<(row + 1) * width)
        guard !zeros.isEmpty else { return }
        fill(piece.advanced(by: zeros.lowerBound - range.lowerBound), count: zeros.count, with: 0)
    }

    private func draw(
        _ initializer: Initializer, into x: Buffer, count: Int, key: UInt64, from start: Int
    ) {
        switch initializer {
        case .zeros: fill(x, count: count, with: 0)
        case .ones: fill(x, count: count, with: 1)
        case .normal(let deviation):
            fillNormal(x, count: count, deviation: deviation, key: key, from: start)
        case .truncatedNormal(let deviation, let cutoff):
            fillNormal(
                x, count: count, deviation: deviation, cutoff: cutoff, key: key, from: start)
        case .uniform(let bound):
            fillUniform(x, count: count, low: -bound, high: bound, key: key, from: start)
        case .sinusoids(let width):
            store((start..<start + count).map { sinusoid($0, width: width) }, into: x)
        }
    }
}

/// Number `place` of a table of sines and cosines.
private func sinusoid(_ place: Int, width: Int) -> Float {
    let (position, column) = (Double(place / width), place % width)
    let angle = position / pow(10000, Double(column / 2 * 2) / Double(width))
    return Float(column % 2 == 0 ? sin(angle) : cos(angle))
}

/// (rows, columns) numbers as (columns, rows).
private func transposed(_ numbers: [Float], rows: Int, columns: Int) -> [Float] {
    var result = [Float](repeating: 0, count: numbers.count)
    for row in 0..<rows {
        for column in 0..<columns {
            result[column * rows + row] = numbers[row * columns + column]
        }
    }
    return result
}
