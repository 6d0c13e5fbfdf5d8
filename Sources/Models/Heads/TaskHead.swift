package import Autograd
import Kernels

/// Scores of a task's labels from a body's states: transform(dropout(pooled)), dropout, product.
///
/// Source: the `…ForSequenceClassification`, `…ForTokenClassification` and `…ForQuestionAnswering` of
/// transformers 5.23.
package struct TaskHead {
    /// Which of a text's states stands for it.
    package enum Pooling: Sendable, Equatable {
        /// That of its first token.
        case first
        /// The mean over its tokens.
        case mean
        /// That of its last token, but for ids that fill up.
        case last(padding: Int32?)
        /// That of the last token of this kind, what ends a text; else of the last token.
        case lastOf(Int32)
    }

    package let plan: TaskPlan
    let pooling: Pooling
    let inputDropout: Float
    let transform: HeadTransform?
    let dropout: Float
    let output: Linear  // (labels, C)
    /// The last parts of its modules' names, as PEFT's modules_to_save has them.
    package let modules: [String]
    /// The same of the layer before them, where that is a module of its own.
    private let transformModule: String?

    /// - Parameter pooling: of whole texts; others keep each token.
    init(
        _ plan: TaskPlan, pooling: Pooling, inputDropout: Float = 0,
        transform: HeadTransform? = nil, dropout: Float = 0, output: Linear, modules: [String],
        transformModule: String? = nil
    ) {
        self.transformModule = transformModule
        self.plan = plan
        self.pooling = pooling
        self.inputDropout = inputDropout
        self.transform = transform
        self.dropout = dropout
        self.output = output
        self.modules = modules
    }

    /// What the product with the labels reads.
    ///
    /// - Parameters:
    ///   - states: (B, T, C).
    ///   - ids: (B, T), rows filled up behind their texts.
    ///   - lengths: (B), of the texts.
    /// - Returns: (B, C) of texts, (B, T, C) of tokens.
    package func features(
        _ states: Tensor, ids: [Int32], lengths: [Int], in pass: ForwardPass
    ) -> Tensor {
        var x = plan.kind == .sequence ? pooled(states, ids, lengths, pass) : states
        x = pass.dropout(x, probability: inputDropout)
        if let transform { x = transform(x, pass) }
        return pass.dropout(x, probability: dropout)
    }

    /// The same of single tokens, whatever the kind.
    ///
    /// - Parameter places: (rows), among B·T.
    /// - Returns: (rows, C).
    package func tokenFeatures(
        _ states: Tensor, at places: [Int32], in pass: ForwardPass
    ) -> Tensor {
        var x = pass.dropout(states, probability: inputDropout)
        if let transform { x = transform(x, pass) }
        return pass.rows(places, of: pass.dropout(x, probability: dropout))
    }

    private func pooled(
        _ states: Tensor, _ ids: [Int32], _ lengths: [Int], _ pass: ForwardPass
    ) -> Tensor {
        let (batch, length) = (states.shape.extents[0], states.shape.extents[1])
        switch pooling {
        case .mean: return pass.means(of: states, lengths: lengths)
        case .first:
            return pass.rows((0..<batch).map { Int32($0 * length) }, of: states)
        case .last(let padding):
            return pass.rows(
                places(ids, length, lengths) { text in
                    text.lastIndex { $0 != padding } ?? text.startIndex
                }, of: states)
        case .lastOf(let end):
            return pass.rows(
                places(ids, length, lengths) { text in
                    text.lastIndex(of: end) ?? max(text.startIndex, text.endIndex - 1)
                }, of: states)
        }
    }

    /// A place of each row's text.
    private func places(
        _ ids: [Int32], _ length: Int, _ lengths: [Int], _ place: (ArraySlice<Int32>) -> Int
    ) -> [Int32] {
        lengths.enumerated().map { row, own in
            Int32(place(ids[row * length..<row * length + own]))
        }
    }

    /// (rows, labels) float32. Nothing is recorded.
    package func scores(_ features: Tensor, in pass: ForwardPass) -> [Float] {
        pass.workspace.numbers(
            pass.logits(features, weight: output.weight, bias: output.bias))
    }

    /// A loss of the scores.
    package func loss(
        _ features: Tensor, _ form: some ScoreLoss, in pass: ForwardPass
    ) -> Loss {
        pass.scoreLoss(features, weight: output.weight, bias: output.bias, form)
    }

    /// What an adapter keeps of it: its modules, and what of the layer before them is new.
    ///
    /// - Parameter drawn: parameters that the model's files do not hold.
    package func savedModules(drawn: [Parameter]) -> [String] {
        guard let transform, let transformModule,
            drawn.contains(where: { $0 === transform.dense.weight })
        else { return modules }
        return modules + [transformModule]
    }

    /// The token whose state stands for a text, where it is one; each text has to end with it.
    package var endToken: Int32? {
        guard plan.kind == .sequence, case .lastOf(let end) = pooling else { return nil }
        return end
    }

    /// Whether the model has no other head.
    package var replacesLanguageHead: Bool { !plan.isValueHead }

    /// Its own parameters.
    package var parameters: [Parameter] {
        let own = [transform?.dense.weight, transform?.dense.bias, output.weight, output.bias]
        let norm = [transform?.norm?.weight, transform?.norm?.bias]
        return (own + norm).compactMap { $0 }
    }
}
