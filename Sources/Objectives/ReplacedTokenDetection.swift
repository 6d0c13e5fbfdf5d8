package import Autograd
import Masking
package import Models
package import TextData

/// Which tokens of a text are others than it had, which a smaller model draws that learns to find hidden
/// ones: `stage: pt` with `objective: electra`.
///
/// The loss is the generator's mean over hidden tokens, and the discriminator's over all tokens times
/// ``weight``. Source: Clark et al. 2020, arXiv:2003.10555, section 3; sampling has no gradient.
package final class ReplacedTokenDetection: Objective {
    package let model: any LanguageModel
    /// What hides tokens; known once the tokenizer is.
    package let masked: MaskedLanguageModeling
    /// Of the discriminator's mean loss (`disc_weight`).
    private let weight: Double
    private let seed: UInt64
    private let generator: any LanguageModel
    private let head: TaskHead

    private enum Name {
        static let generator = "generator_loss"
        static let discriminator = "discriminator_loss"
        static let accuracy = "discriminator_accuracy"
        static let replaced = "replaced_share"
    }

    /// - Parameter model: a ``ReplacedTokenModel``.
    package init(
        _ model: any LanguageModel, masked: MaskedLanguageModeling, weight: Double, seed: UInt64
    ) {
        guard let parts = model as? ReplacedTokenModel else {
            preconditionFailure("a \(model.description.type) model without a generator")
        }
        self.model = model
        self.masked = masked
        self.weight = weight
        self.seed = seed
        (generator, head) = (parts.generator, parts.tokenHead)
    }

    package var measureNames: [String] { ["hidden", "tokens"] }
    package var figureNames: [String] { [Name.generator, Name.discriminator] }
    package var evaluationFigureNames: [String] { figureNames + [Name.accuracy, Name.replaced] }
    package var lossParts: [LossPart] {
        [LossPart(Name.generator), LossPart(Name.discriminator, weight: weight)]
    }

    package func measure(_ batches: [TokenBatch], in pass: MeasuringPass) -> Measures {
        var measures = Measures(measureNames)
        for batch in batches {
            let (_, targets) = masked.hiding(batch)
            let rows = batch.sampleIDs.count { $0 != TokenBatch.fillerID }
            measures["hidden"] += Double(targets.count { $0 >= 0 })
            measures["tokens"] += Double(rows * targets.count / batch.rows)
        }
        return measures
    }

    package func loss(
        _ batch: TokenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let found = forward(batch, pass)
        let factor = weight * measures["hidden"] / max(measures["tokens"], 1)
        let tokens = head.loss(
            found.features, WeightedLoss(LabelsLoss(targets: found.labels), weight: factor),
            in: pass)
        var figures = FigureSums(figureNames)
        figures.add(Name.generator, sum: found.loss.sum, count: Double(found.loss.targets))
        figures.add(
            Name.discriminator, sum: factor > 0 ? tokens.sum / factor : 0,
            count: Double(tokens.targets))
        return ObjectiveLoss(found.loss.adding(tokens), figures: figures)
    }

    package func evaluate(_ batch: TokenBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let found = forward(batch, pass)
        let tokens = head.loss(found.features, LabelsLoss(targets: found.labels), in: pass)
        let scores = head.scores(found.features, in: pass)
        var (right, replaced) = (0, 0)
        for (score, label) in zip(scores, found.labels) {
            guard let label = label?.first else { continue }
            if (score > 0) == (label > 0) { right += 1 }
            if label > 0 { replaced += 1 }
        }
        var figures = FigureSums(evaluationFigureNames)
        figures.add(Name.generator, sum: found.loss.sum, count: Double(found.loss.targets))
        figures.add(Name.discriminator, sum: tokens.sum, count: Double(tokens.targets))
        figures.add(Name.accuracy, sum: Double(right), count: Double(tokens.targets))
        figures.add(Name.replaced, sum: Double(replaced), count: Double(tokens.targets))
        return ObjectiveLoss(found.loss, figures: figures)
    }

    /// The generator's loss, what the discriminator's head reads, and 1 for each token that is another than
    /// the text's.
    private func forward(
        _ batch: TokenBatch, _ pass: ForwardPass
    ) -> (loss: Loss, features: Tensor, labels: [[Float]?]) {
        let (input, targets) = masked.hiding(batch)
        let hidden = generator.hiddenStates(input, in: pass)
        let loss = generator.loss(of: hidden, targets: targets, in: pass)
        guard case .ids(let read) = input.tokens else {
            preconditionFailure("electra: tokens without ids")
        }
        let drawn = drawn(batch, hidden, targets, pass)
        let length = targets.count / batch.rows
        var (ids, labels): ([Int32], [[Float]?]) = ([], [])
        for (place, id) in read.enumerated() {
            let isFiller = batch.sampleIDs[place / length] == TokenBatch.fillerID
            let own = targets[place] >= 0 ? targets[place] : id
            ids.append(drawn[place] ?? own)
            labels.append(isFiller ? nil : [ids[place] == own ? 0 : 1])
        }
        let changed = TokenInput(ids: ids, batch: batch.rows)
        let features = head.features(
            model.hiddenStates(changed, in: pass), ids: ids,
            lengths: Array(repeating: length, count: batch.rows), in: pass)
        return (loss, features, labels)
    }

    /// A token for each hidden one, drawn as the generator has it, by the sample's own numbers.
    private func drawn(
        _ batch: TokenBatch, _ hidden: Tensor, _ targets: [Int32], _ pass: ForwardPass
    ) -> [Int: Int32] {
        // Nothing of this is learned from.
        let bare = ForwardPass(workspace: pass.workspace, computeType: pass.computeType)
        let length = targets.count / batch.rows
        var drawn: [Int: Int32] = [:]
        for row in 0..<batch.rows {
            let places = (row * length..<(row + 1) * length).filter { targets[$0] >= 0 }
            guard !places.isEmpty else { continue }
            var draws = Draws(seed: seed, sample: batch.sampleIDs[row], stream: 3)
            let tokens = generator.languageHead.drawn(
                hidden, rows: places.map(Int32.init), in: bare
            ) { draws.uniform() }
            for (place, token) in zip(places, tokens) { drawn[place] = token }
        }
        return drawn
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: masked.masking.probability)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        masked.randomBatch(rows: rows, columns: columns, seed: seed)
    }
}
