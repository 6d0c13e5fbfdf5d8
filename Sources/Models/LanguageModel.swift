package import Autograd
import Kernels

/// What a trainer needs to know of a model, whatever its architecture.
package struct ModelDescription: Sendable {
    /// `model_type` of config.json.
    package var type: String
    package var vocabularySize: Int
    /// The longest sequence it is made for.
    package var maximumPositions: Int
    /// Whether a longer sequence cannot be computed at all (learned positions).
    package var hasFixedPositions: Bool
    package var layers: Int
    package var width: Int
    package var heads: Int
    package var headSize: Int
    /// config.json as it was read.
    package var configuration: String
    /// The part of the experts that a token goes through; 1 where there are none.
    package var expertShare = 1.0
}

/// A decoder that predicts each next token.
package protocol LanguageModel: AnyObject {
    var description: ModelDescription { get }
    var form: ModelForm { get }
    var registry: Scope.Registry { get }
    /// Rows are the logits' weights, (V, C). The embedding itself where they are tied.
    var head: Parameter { get }
    /// What the head makes of its product with the hidden states.
    var logitForm: LogitForm { get }
    /// What the loss is of the targets' cross-entropy.
    var lossForm: LossForm { get set }
    /// Prefix that some files leave out of the names (GPT-2's `transformer.`).
    var optionalPrefix: String { get }
    /// What files may have in place of the optional prefix; "" where they leave it out.
    var prefixesInFiles: [String] { get }
    /// Prefixes of what else files hold (the image part of a text model's files).
    var ignoredPrefixes: [String] { get }
    /// What files call the head's weight where it is not the embedding.
    var headsInFiles: [String] { get }

    /// What an array of a file is that belongs to no parameter; `nil` where it is nothing known.
    func extraArray(_ name: String) -> ExtraArray?

    /// ids (B, T) → hidden states after the last norm, (B, T, C) of the compute type.
    ///
    /// - Parameter segments: (B, T); tokens see only tokens of their own segment.
    func hiddenStates(
        _ ids: [Int32], batch: Int, segments: [Int32]?, in pass: ForwardPass
    ) -> Tensor
}

extension LanguageModel {
    package var parameters: [Parameter] { registry.parameters }
    package var logitForm: LogitForm { LogitForm() }
    package var prefixesInFiles: [String] { [""] }
    package var ignoredPrefixes: [String] { [] }
    package var headsInFiles: [String] { ["lm_head.weight"] }
    package func extraArray(_ name: String) -> ExtraArray? { nil }

    /// Whether the head is the embedding.
    package var isTied: Bool {
        registry.embeddings.contains { $0.embedding.weight === head }
    }

    /// The names that a parameter may have in files, its own first. A tied embedding may be there
    /// as the head alone.
    package func namesInFiles(of parameter: Parameter) -> [String] {
        var names = [parameter.name]
        if parameter.name.hasPrefix(optionalPrefix) {
            let rest = parameter.name.dropFirst(optionalPrefix.count)
            names += prefixesInFiles.map { $0 + rest }
        }
        if parameter === head { names += headsInFiles.filter { !names.contains($0) } }
        return names
    }

    /// The summed cross-entropy of the next tokens. ids and targets (B, T), negatives ignored.
    package func loss(
        _ ids: [Int32], targets: [Int32], batch: Int, segments: [Int32]? = nil,
        in pass: ForwardPass
    ) -> Loss {
        let reference = reference(ids, batch: batch, segments: segments, in: pass)
        let hidden = hiddenStates(ids, batch: batch, segments: segments, in: pass)
        return loss(of: hidden, reference, targets: targets, in: pass)
    }

    /// The hidden states of the model without its adapters, where the loss compares with them.
    private func reference(
        _ ids: [Int32], batch: Int, segments: [Int32]?, in pass: ForwardPass
    ) -> Tensor? {
        guard lossForm.needsReference else { return nil }
        let bare = ForwardPass(
            workspace: pass.workspace, computeType: pass.computeType, appliesAdapters: false)
        return hiddenStates(ids, batch: batch, segments: segments, in: bare)
    }

    private func loss(
        of hidden: Tensor, _ reference: Tensor?, targets: [Int32], in pass: ForwardPass
    ) -> Loss {
        let loss = headLoss(hidden, reference, targets: targets, in: pass)
        guard let balance = pass.expertBalance else { return loss }
        return loss.adding(
            balance.finish(targets: loss.targets, gradientScale: pass.gradientScale))
    }

    /// The same, with the likeliest token after each position that has a target, −1 elsewhere.
    /// (B·T) Nothing is recorded.
    package func lossAndLikeliest(
        _ ids: [Int32], targets: [Int32], batch: Int, segments: [Int32]? = nil,
        in pass: ForwardPass
    ) -> (loss: Loss, likeliest: [Int32]) {
        let hidden = hiddenStates(ids, batch: batch, segments: segments, in: pass)
        var likeliest = [Int32](repeating: -1, count: targets.count)
        let rows = targets.indices.filter { targets[$0] >= 0 }
        // Logits of few rows at once: a vocabulary is wide.
        for start in stride(from: 0, to: rows.count, by: 64) {
            let part = rows[start..<min(start + 64, rows.count)]
            let logits = pass.logits(
                pass.rows(part.map(Int32.init), of: hidden), weight: head, form: logitForm)
            let width = logits.shape.width
            for (number, row) in part.enumerated() {
                likeliest[row] = Int32(
                    TokenSelection.likeliest(
                        pass.workspace.numbers(
                            logits.buffer.advanced(by: number * width), count: width)))
            }
        }
        let reference = reference(ids, batch: batch, segments: segments, in: pass)
        return (loss(of: hidden, reference, targets: targets, in: pass), likeliest)
    }

    private func headLoss(
        _ hidden: Tensor, _ reference: Tensor?, targets: [Int32], in pass: ForwardPass
    ) -> Loss {
        var rows = targets.indices.filter { targets[$0] >= 0 }
        // Prompts and filling rows need no logits.
        guard !rows.isEmpty, rows.count * 8 < targets.count * 7 else {
            return pass.linearCrossEntropy(
                hidden, weight: head, targets: targets, form: logitForm, lossForm: lossForm,
                reference: reference)
        }
        // Filled up with rows that carry no loss, so that few shapes of products occur.
        let wanted = (rows.count + 63) / 64 * 64 - rows.count
        rows += targets.indices.lazy.filter { targets[$0] < 0 }.prefix(wanted)
        let places = rows.map(Int32.init)
        return pass.linearCrossEntropy(
            pass.rows(places, of: hidden), weight: head, targets: rows.map { targets[$0] },
            form: logitForm, lossForm: lossForm,
            reference: reference.map { pass.rows(places, of: $0) })
    }

    /// log p(target | tokens before) of each position, 0 where the target is negative. (B·T)
    package func logProbabilities(
        _ ids: [Int32], targets: [Int32], batch: Int, in pass: ForwardPass
    ) -> [Float] {
        let hidden = hiddenStates(ids, batch: batch, segments: nil, in: pass)
        return pass.targetLogProbabilities(
            hidden, weight: head, targets: targets, form: logitForm)
    }

    /// Logits (B, T, V) float32.
    package func logits(_ ids: [Int32], batch: Int, in pass: ForwardPass) -> Tensor {
        pass.logits(
            hiddenStates(ids, batch: batch, segments: nil, in: pass), weight: head, form: logitForm)
    }

    /// Floating-point operations of forward and backward for one token at `length` tokens:
    /// six for each weight that takes part in a product, four where it is frozen, and the
    /// attention's scores and sums (causal, so half of them). The embedding table is looked up, not
    /// multiplied, and a token goes through some of the experts only.
    package func operationsPerToken(length: Int) -> Double {
        let tied = parameters.contains { $0 === head }
        let weights = parameters.reduce(0.0) { sum, parameter in
            let isTable =
                parameter.name.hasSuffix("embed_tokens.weight")
                || parameter.name.hasSuffix("tok_embeddings.weight")
                || parameter.name.hasSuffix("word_embeddings.weight")
                || parameter.name.hasSuffix("wte.weight") || parameter.name.hasSuffix("wpe.weight")
            guard !isTable || (tied && parameter === head) else { return sum }
            let share = parameter.name.contains(".experts.") ? description.expertShare : 1
            return sum + (parameter.isTrainable ? 6 : 4) * share * Double(parameter.count)
        }
        let attention = 6 * description.layers * length * description.heads * description.headSize
        return weights + Double(attention)
    }
}
