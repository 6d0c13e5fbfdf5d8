import Kernels

/// What a head makes of each row's target, as numbers of the host.
package struct TargetScores: Sendable {
    /// log softmax(logits)[target], 0 where the target is negative. (rows)
    package var logProbabilities: [Float]
    /// Entropies of softmax(logits), 0 where the target is negative. (rows)
    package var entropies: [Float]

    package init(logProbabilities: [Float], entropies: [Float]) {
        self.logProbabilities = logProbabilities
        self.entropies = entropies
    }
}

extension ForwardPass {
    /// Log-probabilities of targets and entropies under softmax(x Wᵀ + b), by chunks of rows. Not recorded.
    ///
    /// x (rows, C), W (V, C), b (V), targets (rows), all at least 0.
    package func targetScores(
        _ x: Tensor, weight: Parameter, bias: Parameter? = nil, targets: [Int32],
        form: LogitForm = LogitForm()
    ) -> TargetScores {
        let (rows, width) = (x.shape.rows, x.shape.width)
        let vocabulary = weight.shape.extents[0]
        precondition(
            targets.count == rows && targets.allSatisfy { (0..<Int32(vocabulary)).contains($0) },
            "scores: x \(x.shape), W \(weight.shape), \(targets.count) targets")
        let chunk = LinearCrossEntropyOp.chunk(rows: rows, width: vocabulary)
        let results = [workspace.buffer(rows, .float32), workspace.buffer(rows, .float32)]
        for start in stride(from: 0, to: rows, by: chunk) {
            let part = start..<min(start + chunk, rows)
            let slice = Tensor(
                shape: [part.count, width], buffer: x.buffer.advanced(by: start * width))
            let logits = logits(slice, weight: weight, bias: bias, form: form)
            workspace.targetLogProbabilities(
                logits: logits.buffer, targets: targets[part], rows: part.count,
                width: vocabulary, into: results[0].advanced(by: start))
            workspace.entropies(
                logits: logits.buffer, rows: part.count, width: vocabulary,
                into: results[1].advanced(by: start))
        }
        return TargetScores(
            logProbabilities: workspace.numbers(results[0], count: rows),
            entropies: workspace.numbers(results[1], count: rows))
    }
}
