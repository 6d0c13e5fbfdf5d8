package import Autograd
package import Models
package import TextData

/// Which of a text's states stands for it, named as sentence-transformers' `pooling_mode`.
package enum TextPooling: String, CaseIterable, Sendable {
    /// That of its first token.
    case first = "cls"
    /// The mean over its tokens.
    case mean
    /// That of its last token.
    case last = "lasttoken"
}

/// Vectors of texts that belong together are told from those of all other texts of a step:
/// `stage: pt` with `objective: contrastive`.
///
/// A step's micro-batches on all ranks share one loss, as with GradCache (Gao et al. 2021,
/// arXiv:2101.06983): vectors are made once without record, the loss and its gradient are computed of all
/// of them, and each micro-batch goes forward again, dropping the same, and backward from its part of that
/// gradient. Two texts that are equal are told apart by what is dropped (SimCSE, arXiv:2104.08821).
package final class ContrastiveLearning: Objective {
    package let model: any LanguageModel
    /// Known once the model's folder is read.
    package var pooling: TextPooling
    package let form: ContrastForm
    /// Whether texts that are equal are no negatives of each other.
    package let masksDuplicates: Bool
    /// What the table of the step under way came to.
    private var step: (table: SampleTable, outcome: ContrastOutcome)?

    private static let samples = "samples"

    package init(
        _ model: any LanguageModel, pooling: TextPooling, form: ContrastForm,
        masksDuplicates: Bool = false
    ) {
        self.model = model
        self.masksDuplicates = masksDuplicates
        self.pooling = pooling
        self.form = form
        // It is never multiplied, so weight decay must not shrink it.
        if !model.isTied { model.head.isTrainable = false }
    }

    package var measureNames: [String] { [Self.samples] }
    package var keepsRows: Bool { true }

    package func measure(_ batches: [ContrastiveBatch], in pass: MeasuringPass) -> Measures {
        var rows: [SampleTable.Row] = []
        for batch in batches {
            let own = pass(batch.sampleIDs)
            let vectors = batch.texts.map {
                own.workspace.numbers(self.vectors(of: $0, in: own))
            }
            for (row, sample) in batch.sampleIDs.enumerated()
            where sample != TokenBatch.fillerID {
                let marks = batch.texts.flatMap { $0.identity(of: row).halves }
                rows.append((sample, vectors.flatMap { $0[places(of: row)] } + marks))
            }
        }
        var measures = Measures(measureNames)
        measures[Self.samples] = Double(rows.count)
        measures.table = SampleTable(width: (batches.first?.texts.count ?? 0) * (width + 2), rows)
        return measures
    }

    package func loss(
        _ batch: ContrastiveBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        guard let table = measures.table else { preconditionFailure("contrastive: no vectors") }
        if step?.table != table {
            step = (table, outcome(of: table, texts: batch.texts.count, pass))
        }
        guard let outcome = step?.outcome else { preconditionFailure("contrastive: no loss") }
        // Random batches of a measurement may have the same numbers.
        let numbers = Dictionary(
            table.own.enumerated().map { (table.samples[$1], $0) }, uniquingKeysWith: { $1 })
        let found = batch.sampleIDs.map { numbers[$0] }
        let stride = batch.texts.count * width
        let parts = batch.texts.enumerated().map { text, texts in
            let gradient = found.flatMap { number -> [Float] in
                guard let number else { return Array(repeating: 0, count: width) }
                let first = number * stride + text * width
                return Array(outcome.gradient[first..<first + width])
            }
            return (value: vectors(of: texts, in: pass), gradient: gradient)
        }
        let losses = found.compactMap { $0.map { outcome.losses[$0] } }
        return ObjectiveLoss(
            pass.givenLoss(sum: losses.reduce(0, +), targets: losses.count, parts))
    }

    /// The losses of this rank's samples of a table.
    private func outcome(
        of table: SampleTable, texts: Int, _ pass: ForwardPass
    ) -> ContrastOutcome {
        let rows = table.samples.indices.map { table.row($0) }
        return contrast(
            rows.flatMap { $0.prefix(texts * width) }, texts: texts, of: table.own,
            identities: rows.flatMap { row in
                let marks = Array(row.suffix(2 * texts))
                return (0..<texts).map { UInt64(halves: marks[2 * $0], marks[2 * $0 + 1]) }
            }, in: pass)
    }

    /// Losses of samples that are each other's negatives.
    ///
    /// - Parameters: as of ``Workspace/contrast(_:texts:width:of:_:identities:)``.
    package func contrast(
        _ vectors: [Float], texts: Int, of samples: [Int], identities: [UInt64],
        in pass: ForwardPass
    ) -> ContrastOutcome {
        pass.workspace.contrast(
            vectors, texts: texts, width: width, of: samples, form,
            identities: masksDuplicates ? identities : nil)
    }

    /// The vectors of the held-out texts, of which figures and loss are made together; the loss here is that
    /// of the batch by itself.
    package func evaluate(_ batch: ContrastiveBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let measures = measure([batch]) { _ in pass }
        guard let table = measures.table else { preconditionFailure("contrastive: no vectors") }
        let texts = batch.texts.count
        let losses = outcome(of: table, texts: texts, pass).losses
        var loss = ObjectiveLoss(
            pass.givenLoss(sum: losses.reduce(0, +), targets: losses.count, []))
        loss.outputs = table.own.map {
            HeldOutRow(
                number: Int(table.samples[$0]), values: Array(table.row($0).prefix(texts * width)))
        }
        return loss
    }

    /// The vectors of some texts, of length 1: (B, C) float32.
    package func vectors(of texts: LabeledBatch, in pass: ForwardPass) -> Tensor {
        let states = model.hiddenStates(texts.input(for: model.description), in: pass)
        let pooled: Tensor
        switch pooling {
        case .mean: pooled = pass.means(of: states, lengths: texts.lengths)
        case .first, .last:
            let places = (0..<texts.rows).map { row in
                Int32(row * texts.columns + (pooling == .first ? 0 : texts.lengths[row] - 1))
            }
            pooled = pass.rows(places, of: states)
        }
        return pass.unitRows(pass.convert(pooled, to: .float32))
    }

    private var width: Int { model.description.width }

    /// Where a row's vector lies.
    private func places(of row: Int) -> Range<Int> { row * width..<(row + 1) * width }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: 0)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> ContrastiveBatch {
        let tokens = TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
        let examples = (0..<rows).map { row in
            let ids = Array(tokens.ids[row * columns..<(row + 1) * columns])
            // Together they have as many tokens as were asked for.
            let half = max(1, columns / 2)
            return ContrastiveExample(
                [ids.prefix(half), ids.suffix(max(1, columns - half))].map {
                    LabeledExample(ids: Array($0), label: .none)
                })
        }
        return ContrastiveBatch(examples, texts: 2, sampleIDs: tokens.sampleIDs)
    }
}

extension ContrastiveBatch: StepBatch {}

extension LabeledBatch {
    /// What a model reads of the texts.
    func input(for model: ModelDescription) -> TokenInput {
        // What follows a text is not seen by a decoder in any case.
        var input =
            model.kind != .decoder
            ? TokenInput(ids: ids, lengths: lengths) : TokenInput(ids: ids, batch: rows)
        input.types = model.tokenTypes > 0 ? types : nil
        return input
    }
}

extension UInt64 {
    /// 48 bits as two float32 of 24 each.
    fileprivate var halves: [Float] { [Float(self & 0xFF_FFFF), Float(self >> 24 & 0xFF_FFFF)] }

    fileprivate init(halves low: Float, _ high: Float) {
        self = UInt64(low) | UInt64(high) << 24
    }
}
