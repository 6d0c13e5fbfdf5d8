package import Autograd

/// What a trainer needs to know of a model, whatever its architecture.
package struct ModelDescription: Sendable {
    /// `model_type` of config.json.
    package var type: String
    package var kind = ModelKind.decoder
    package var vocabularySize: Int
    /// The longest sequence it is made for.
    package var maximumPositions: Int
    /// Whether a longer sequence cannot be computed at all (learned positions).
    package var hasFixedPositions: Bool
    /// Lengths of a text beyond which its rotary angles are others; none where they never change.
    package var angleChanges: [AngleChange] = []
    /// Whether a text whose angles change while it is written is computed anew; else what was computed stays.
    package var isComputedAnewAtAngleChange = false
    /// The coefficient of the loss of equally used experts, where config.json asks for it.
    package var expertBalance: Double?
    /// Rows of the table of token types; 0 where there is none.
    package var tokenTypes = 0
    /// What a decoder behind an encoder reads before its first token.
    package var decoderStart: Int32 = 0
    package var layers: Int
    /// Whether several layers have the same parameters.
    package var sharesLayers = false
    package var width: Int
    package var heads: Int
    package var headSize: Int
    /// config.json as it was read.
    package var configuration: String
}

/// What makes hidden states of tokens, whatever becomes of them.
package protocol ModelBody: AnyObject {
    var description: ModelDescription { get }
    var form: ModelForm { get }
    var registry: Scope.Registry { get }

    /// Hidden states after the last norm, (B, T, C) of the compute type.
    func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor
}

extension ModelBody {
    package var parameters: [Parameter] { registry.parameters }

    /// ids (B, T) → hidden states after the last norm, (B, T, C) of the compute type.
    ///
    /// - Parameters:
    ///   - segments: (B, T); tokens see only tokens of their own segment.
    ///   - textLengths: (B), see ``TokenInput/textLengths``.
    package func hiddenStates(
        _ ids: [Int32], batch: Int, segments: [Int32]?, textLengths: [Int]? = nil,
        in pass: ForwardPass
    ) -> Tensor {
        var input = TokenInput(ids: ids, batch: batch, segments: segments)
        input.textLengths = textLengths
        return hiddenStates(input, in: pass)
    }
}

/// A body with a head over the vocabulary: a decoder that predicts each next token, or an encoder that
/// predicts tokens in their places.
package protocol LanguageModel: ModelBody {
    /// Rows are the logits' weights, (V, C). The embedding itself where they are tied.
    var head: Parameter { get }
    /// Added to the logits, (V).
    var headBias: Parameter? { get }
    /// What hidden states go through before they meet the head's weights.
    var headTransform: HeadTransform? { get }
    /// What hidden states are multiplied by before they meet the head's weights.
    var headScale: Float { get }
    /// How logits are post-processed.
    var logitForm: LogitForm { get }
    /// What it has in place of a language head; ``head`` is the embedding then, and stands for none. A
    /// value head stands beside it.
    var taskHead: TaskHead? { get }
    /// Beside a language head: whether the second of two texts follows the first.
    var pairHead: TaskHead? { get }
    /// The models that it is made of, each with a folder of its own; none where it is one model.
    var parts: [ModelPart] { get }
    /// Prefix that some files leave out of the names (GPT-2's `transformer.`).
    var optionalPrefix: String { get }
    /// What files may have in place of the optional prefix; "" where they leave it out.
    var prefixesInFiles: [String] { get }
    /// Prefixes of what else files hold (the image part of a text model's files).
    var ignoredPrefixes: [String] { get }
    /// What files call the head's weight where it is not the embedding.
    var headsInFiles: [String] { get }

    /// What else files call a parameter of this name, beside prefixes.
    func otherNamesInFiles(of name: String) -> [String]
    /// What an array of a file is that belongs to no parameter; `nil` where it is nothing known.
    func extraArray(_ name: String) -> ExtraArray?
}

extension LanguageModel {
    package var headBias: Parameter? { nil }
    package var headTransform: HeadTransform? { nil }
    package var headScale: Float { 1 }
    package var logitForm: LogitForm { LogitForm() }
    package var taskHead: TaskHead? { nil }
    package var pairHead: TaskHead? { nil }
    package var parts: [ModelPart] { [] }
    package var prefixesInFiles: [String] { [""] }
    package var ignoredPrefixes: [String] { [] }
    package var headsInFiles: [String] { ["lm_head.weight"] }
    package func otherNamesInFiles(of name: String) -> [String] { [] }
    package func extraArray(_ name: String) -> ExtraArray? { nil }

    /// Whether the head is the embedding.
    package var isTied: Bool {
        registry.embeddings.contains { $0.embedding.weight === head }
    }

    /// The names that a parameter may have in files, its own first. A tied embedding may be there
    /// as the head alone.
    package func namesInFiles(of parameter: Parameter) -> [String] {
        var names = [parameter.name] + otherNamesInFiles(of: parameter.name)
        for name in names where name.hasPrefix(optionalPrefix) {
            let rest = name.dropFirst(optionalPrefix.count)
            names += prefixesInFiles.map { $0 + rest }
        }
        if parameter === head { names += headsInFiles.filter { !names.contains($0) } }
        return names
    }

    /// What turns hidden states into logits.
    package var languageHead: LanguageHead {
        LanguageHead(
            weight: head, bias: headBias, transform: headTransform, scale: headScale,
            logitForm: logitForm)
    }

    /// The summed loss of the next tokens. ids and targets (B, T), negatives ignored.
    ///
    /// - Parameters: as for ``LanguageHead/loss(_:targets:lossForm:rowWeights:reference:keepsRows:in:)``,
    ///   `lengths` (B), tokens of each row where others fill it up, and ``TokenInput/textLengths`` (B).
    package func loss(
        _ ids: [Int32], targets: [Int32], batch: Int, segments: [Int32]? = nil,
        lengths: [Int]? = nil, textLengths: [Int]? = nil, lossForm: LossForm = LossForm(),
        reference: Tensor? = nil, in pass: ForwardPass
    ) -> Loss {
        var input = TokenInput(ids: ids, batch: batch, segments: segments)
        input.lengths = lengths
        input.textLengths = textLengths
        return loss(
            of: hiddenStates(input, in: pass), targets: targets, lossForm: lossForm,
            reference: reference, in: pass)
    }

    /// The summed loss of hidden states (B, T, C), with the experts' balance where there are any.
    package func loss(
        of hidden: Tensor, targets: [Int32], lossForm: LossForm = LossForm(),
        reference: Tensor? = nil, in pass: ForwardPass
    ) -> Loss {
        let loss = languageHead.loss(
            hidden, targets: targets, lossForm: lossForm, reference: reference, in: pass)
        guard let balance = pass.expertBalance else { return loss }
        return loss.adding(
            balance.loss(targets: loss.targets, gradientScale: pass.gradientScale))
    }

    /// log p(target | tokens before) of each position, 0 where the target is negative. (B·T)
    ///
    /// - Parameter textLengths: (B), see ``TokenInput/textLengths``.
    package func logProbabilities(
        _ ids: [Int32], targets: [Int32], batch: Int, textLengths: [Int]? = nil,
        in pass: ForwardPass
    ) -> [Float] {
        languageHead.logProbabilities(
            hiddenStates(ids, batch: batch, segments: nil, textLengths: textLengths, in: pass),
            targets: targets, in: pass)
    }

    /// Logits (B, T, V) float32.
    package func logits(_ ids: [Int32], batch: Int, in pass: ForwardPass) -> Tensor {
        languageHead.logits(hiddenStates(ids, batch: batch, segments: nil, in: pass), in: pass)
    }

    /// Floating-point operations of forward and backward for one token at `length` tokens:
    /// six for each weight that takes part in a product, four where it is frozen, and the
    /// attention's scores and sums (half of them where it is causal). The embedding table is looked
    /// up, not multiplied, and a token goes through some of the experts only.
    ///
    /// - Parameter headShare: the part of the tokens that the head sees.
    package func operationsPerToken(length: Int, headShare: Double = 1) -> Double {
        let weights = parameters.reduce(0.0) { sum, parameter in
            // A tied table is multiplied as the head.
            let share = parameter === head ? headShare : parameter.productShare
            return sum + (parameter.isTrainable ? 6 : 4) * share * Double(parameter.count)
        }
        let scores = description.kind == .decoder ? 6 : 12
        return weights
            + Double(
                scores * description.layers * length * description.heads * description.headSize)
    }
}
