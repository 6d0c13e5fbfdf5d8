import Foundation
import Kernels

/// Σ −log softmax(x Wᵀ + b)[target] over the targets that count.
///
/// x (…, C), W (V, C), b (V), targets (rows) with negatives ignored. The logits (rows, V) exist only for a
/// chunk of rows at a time, or in memory of gradients that only count as zero, and are used for loss
/// and gradient at once, so that backward has only to hand on dx. The gradient is that of
/// `gradientScale` · Σ loss, where a ``LossForm`` says what a row's loss is.
struct LinearCrossEntropyOp: DifferentiableOp {
    let weight: Parameter  // (V, C)
    let bias: Parameter?  // (V)
    let targets: [Int32]  // (rows)
    let form: LogitForm
    let lossForm: LossForm
    /// (rows): what each row's loss and gradient are multiplied by; `nil` for 1.
    let rowWeights: [Float]?
    /// A reference model's hidden states, x's shape, where the loss compares with it.
    let reference: Tensor?
    let sum: LossSum

    struct Saved {
        let inputGradient: Tensor?  // (…, C)
    }

    /// The result beside the output, as numbers of the host.
    final class LossSum {
        var value = 0.0
        let keepsRows: Bool
        /// log p(target) of each row, where rows are kept.
        var logProbabilities: [Float]?

        init(keepsRows: Bool = false) { self.keepsRows = keepsRows }
    }

    var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }
    var beginsGradients: Bool { true }

    /// At most this many logits at once in memory of their own (52 MB in float32): 256 rows of
    /// GPT-2's vocabulary.
    private static let logits = 12_900_000

    /// Rows of a chunk: at least two chunks, and no more logits than the bound.
    static func chunk(rows: Int, width: Int) -> Int {
        let most = max(16, min(1024, logits / max(width, 1)))
        let chunks = max(rows > 32 ? 2 : 1, (rows + most - 1) / most)
        return max(16, ((rows + chunks - 1) / chunks + 15) / 16 * 16)
    }

    var label: String { "logits and cross-entropy" }

    func operations(rows: Int) -> (forward: Double, backward: Double) {
        let product = 2 * Double(rows) * Double(weight.count)
        return (product * (weight.learns ? 3 : 2), 0)
    }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let workspace = pass.workspace
        let (rows, width, vocabulary) = (x.shape.rows, x.shape.width, weight.shape.extents[0])
        precondition(
            targets.count == rows && weight.shape.width == width
                && targets.allSatisfy { $0 < vocabulary },
            "cross-entropy: x \(x.shape), W \(weight.shape), \(targets.count) targets up to "
                + "\(targets.max() ?? 0)")
        let dx =
            pass.isRecorded && x.origin != nil ? workspace.tensor(x.shape, x.type) : nil
        let learns = pass.isRecorded && (dx != nil || self.learns)
        let losses = workspace.buffer(rows, .float32)
        let rowLosses = sum.keepsRows ? workspace.buffer(rows, .float32) : nil
        let norms = RowNorms(weight, form, in: workspace)
        // The gradient of a row takes the place of its logits, unless someone reads these again.
        let isInPlace = norms == nil
        let least = Self.chunk(rows: rows, width: vocabulary)
        let make = { (chunk: Int, logits: Buffer) in
            let chunks = Chunks(
                size: chunk, logits: logits,
                dlogits: !learns
                    ? nil
                    : isInPlace
                        ? logits.reinterpreted(as: x.type)
                        : workspace.buffer(min(chunk, rows) * vocabulary, x.type),
                pitch: isInPlace
                    ? vocabulary * ElementType.float32.bytes / x.type.bytes : vocabulary)
            walk(x, chunks, norms, into: dx, losses: losses, rowLosses, in: pass)
        }
        // In one piece where memory is at hand: so weights are read, and their gradients written, once.
        let isWhole =
            isInPlace && learns && rows > least && lossForm.divergence == 0
            && !workspace.matrices.convertsOperands(x.type)
            && pass.scratchGradients?.withSpareGradients(
                rows * vocabulary, apartFrom: parameters
            ) {
                guard $1 == rows * vocabulary else { return false }
                make(rows, $0)
                return true
            } == true
        if !isWhole { make(least, workspace.buffer(min(least, rows) * vocabulary, .float32)) }
        if learns { norms?.finish() }
        sum.value = workspace.sum(losses, count: rows)
        sum.logProbabilities = rowLosses.map { workspace.numbers($0, count: rows).map { 0 - $0 } }
        return (workspace.tensor([1], .float32), Saved(inputGradient: dx))
    }

    /// How logits and their gradient, in x's type and with rows `pitch` apart, are made: some rows at a
    /// time.
    private struct Chunks {
        let size: Int
        let logits: Buffer
        let dlogits: Buffer?
        let pitch: Int
    }

    private func walk(
        _ x: Tensor, _ chunks: Chunks, _ norms: RowNorms?, into dx: Tensor?, losses: Buffer,
        _ rowLosses: Buffer?, in pass: ForwardPass
    ) {
        let workspace = pass.workspace
        let (rows, width, vocabulary) = (x.shape.rows, x.shape.width, weight.shape.extents[0])
        let weights =
            lossForm.tokenLoss == nil && rowWeights == nil
            ? nil : workspace.buffer(min(chunks.size, rows), .float32)
        for start in stride(from: 0, to: rows, by: chunks.size) {
            let part = start..<min(start + chunks.size, rows)
            let (input, logits) = (x.buffer.advanced(by: start * width), chunks.logits)
            workspace.multiply(
                input, rows: part.count, by: weight.operand(), into: logits,
                bias: bias?.floatValue)
            norms?.divide(logits, rows: part.count)
            if let weights { weigh(part, logits, into: weights, in: workspace) }
            let divergence = divergence(part, logits, of: x, norms, in: pass)
            workspace.crossEntropy(
                logits: logits, targets: targets[part], rows: part.count, width: vocabulary,
                gradientScale: pass.gradientScale, softcap: form.softcap, weights: weights,
                dlogits: chunks.dlogits, stride: chunks.pitch,
                losses: losses.advanced(by: start),
                unweighted: rowLosses?.advanced(by: start))
            if let divergence {
                let sum = losses.advanced(by: start)
                workspace.scale(divergence.losses, by: lossForm.divergence, count: part.count)
                workspace.add(divergence.losses, to: sum, count: part.count)
                if let dlogits = chunks.dlogits {
                    workspace.add(
                        divergence.gradient, to: dlogits, rows: part.count, width: vocabulary,
                        stride: chunks.pitch)
                }
            }
            guard let dlogits = chunks.dlogits else { continue }
            norms?.divideGradient(dlogits, logits: logits, rows: part.count)
            if let gradient = bias?.gradient {
                workspace.addColumnSums(
                    of: dlogits, to: gradient, rows: part.count, columns: vocabulary,
                    stride: chunks.pitch)
            }
            if let (gradient, adding) = weight.gradientOfProduct() {
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: vocabulary, columns: width, inner: part.count, transposeA: true,
                        strideA: chunks.pitch, accumulate: adding), dlogits, input,
                    into: gradient)
            }
            if let dx {
                workspace.multiplyBack(
                    dlogits, rows: part.count, by: weight.operand(),
                    into: dx.buffer.advanced(by: start * width),
                    stride: chunks.pitch == vocabulary ? 0 : chunks.pitch)
            }
        }
    }

    /// What some rows' losses are multiplied by: the form's weights times the given ones.
    private func weigh(
        _ part: Range<Int>, _ logits: Buffer, into weights: Buffer, in workspace: Workspace
    ) {
        guard let tokenLoss = lossForm.tokenLoss else {
            return workspace.store(Array(rowWeights?[part] ?? []), into: weights)
        }
        tokenLoss.weigh(
            logits: logits, targets: targets[part], rows: part.count,
            width: weight.shape.extents[0], softcap: form.softcap, into: weights, in: workspace)
        guard let rowWeights else { return }
        let own = workspace.numbers(weights, count: part.count)
        workspace.store(zip(own, rowWeights[part]).map { $0 * $1 }, into: weights)
    }

    /// How far some rows' predictions are from the reference's: for each row, and the gradient
    /// (rows, V) float32 with the divergence's weight.
    private func divergence(
        _ part: Range<Int>, _ logits: Buffer, of x: Tensor, _ norms: RowNorms?,
        in pass: ForwardPass
    ) -> (losses: Buffer, gradient: Buffer)? {
        guard lossForm.divergence != 0 else { return nil }
        let (workspace, vocabulary) = (pass.workspace, weight.shape.extents[0])
        let gradient = workspace.buffer(part.count * vocabulary, .float32)
        let losses = workspace.buffer(part.count, .float32)
        if let reference {
            workspace.multiply(
                reference.buffer.advanced(by: part.lowerBound * x.shape.width), rows: part.count,
                by: weight.operand(), into: gradient)
            norms?.divide(gradient, rows: part.count)
        } else {
            workspace.fill(gradient, count: part.count * vocabulary, with: 0)
        }
        workspace.divergence(
            logits: logits, reference: gradient, targets: targets[part], rows: part.count,
            width: vocabulary, softcap: form.softcap,
            offset: lossForm.anchor == .uniform ? log(Float(vocabulary)) : 0,
            scale: pass.gradientScale * lossForm.divergence, into: losses)
        return (losses, gradient)
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        if let dx = saved.inputGradient { gradients.add(dx, to: 0, in: workspace) }
    }
}

extension ForwardPass {
    /// The summed cross-entropy of x Wᵀ + b against `targets`. x (…, C), W (V, C), b (V).
    ///
    /// - Parameters:
    ///   - bias: b, in heads of plain logits without a divergence.
    ///   - lossForm: what the loss is of it.
    ///   - rowWeights: (rows), what each row's loss and its gradient are multiplied by.
    ///   - reference: a reference model's hidden states, like x, where the form compares with it.
    ///   - keepsRows: whether ``Loss/logProbabilities`` are wanted.
    package func linearCrossEntropy(
        _ x: Tensor, weight: Parameter, bias: Parameter? = nil, targets: [Int32],
        form: LogitForm = LogitForm(), lossForm: LossForm = LossForm(),
        rowWeights: [Float]? = nil, reference: Tensor? = nil, keepsRows: Bool = false
    ) -> Loss {
        precondition(
            bias == nil || (!form.normalizesRows && lossForm.divergence == 0),
            "cross-entropy: a bias beside normalised rows or a divergence")
        precondition(
            rowWeights.map { $0.count == targets.count && lossForm.divergence == 0 } != false,
            "cross-entropy: \(rowWeights?.count ?? 0) weights for \(targets.count) rows, divergence "
                + "\(lossForm.divergence)")
        precondition(
            (!lossForm.needsReference || reference != nil)
                && reference.map { $0.shape == x.shape && $0.type == x.type } != false,
            "cross-entropy: x \(x.shape), reference \(reference?.shape.description ?? "missing")")
        let sum = LinearCrossEntropyOp.LossSum(keepsRows: keepsRows)
        let output = apply(
            LinearCrossEntropyOp(
                weight: weight, bias: bias, targets: targets, form: form, lossForm: lossForm,
                rowWeights: rowWeights, reference: lossForm.needsReference ? reference : nil,
                sum: sum),
            to: [x])
        return Loss(
            sum: sum.value, targets: targets.count { $0 >= 0 },
            logProbabilities: sum.logProbabilities, roots: [output])
    }

    /// Logits x Wᵀ + b, float32. x (…, C), W (V, C), b (V) → (…, V). Not recorded.
    package func logits(
        _ x: Tensor, weight: Parameter, bias: Parameter? = nil, form: LogitForm = LogitForm()
    ) -> Tensor {
        let logits = workspace.tensor(x.shape.withWidth(weight.shape.extents[0]), .float32)
        workspace.multiply(
            x.buffer, rows: x.shape.rows, by: weight.operand(), into: logits.buffer,
            bias: bias?.floatValue, isInference: true)
        RowNorms(weight, form, in: workspace)?.divide(logits.buffer, rows: logits.shape.rows)
        if form.softcap > 0 {
            workspace.softcap(logits.buffer, form.softcap, count: logits.count)
        }
        return logits
    }

    /// log softmax(x Wᵀ + b)[target] of each row, 0 where the target is negative; by chunks of rows.
    package func targetLogProbabilities(
        _ x: Tensor, weight: Parameter, bias: Parameter? = nil, targets: [Int32],
        form: LogitForm = LogitForm()
    ) -> [Float] {
        let (rows, width) = (x.shape.rows, x.shape.width)
        precondition(
            targets.count == rows && targets.allSatisfy { $0 < weight.shape.extents[0] },
            "log-probabilities: x \(x.shape), W \(weight.shape), \(targets.count) targets up to "
                + "\(targets.max() ?? 0)")
        let chunk = LinearCrossEntropyOp.chunk(rows: rows, width: weight.shape.extents[0])
        let result = workspace.buffer(rows, .float32)
        for start in stride(from: 0, to: rows, by: chunk) {
            let part = start..<min(start + chunk, rows)
            let slice = Tensor(
                shape: [part.count, width], buffer: x.buffer.advanced(by: start * width))
            let logits = logits(slice, weight: weight, bias: bias, form: form)
            workspace.targetLogProbabilities(
                logits: logits.buffer, targets: targets[part], rows: part.count,
                width: logits.shape.width, into: result.advanced(by: start))
        }
        return workspace.numbers(result, count: rows)
    }
}
