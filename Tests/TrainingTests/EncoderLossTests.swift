import Autograd
import Kernels
import Models
import Objectives
import TestSupport
import Testing
import Training

/// Thirty AdamW steps of encoders and encoder-decoders against PyTorch's losses
/// (scripts/references/encoders.py, encoder_decoders.py).
@Suite struct EncoderLossTests {
    static let folders = [
        "encoders/bert", "encoders/bert_odd", "encoders/roberta", "encoders/xlm_roberta",
        "encoders/electra", "encoders/modernbert", "encoders/modernbert_biased",
        "encoders/modernbert_resaved", "encoders/distilbert", "encoders/distilbert_odd",
        "encoders/mpnet", "encoders/mpnet_odd", "encoders/albert", "encoders/albert_odd",
        "encoder_decoders/t5", "encoder_decoders/t5_gated",
        "encoder_decoders/mt5", "encoder_decoders/umt5", "encoder_decoders/umt5_tied",
    ]

    // Rounding of 6e-8 a step, larger where Adam divides by a small √v: thirty steps stay below 1e-3.
    @Test(arguments: folders)
    func thirtyAdamWStepsFollowPyTorch(folder: String) throws {
        let reference = try ReferenceFile("\(folder)/reference.safetensors")
        let losses = try reference.floats("steps.losses").map(Double.init)
        let run = try TinyRun(
            configuration: try References.text("\(folder)/config.json"),
            weights: "\(folder)/model.safetensors")
        let objective = GivenTargets(run.objective.model)
        for step in 0..<30 {
            let batch = try GivenBatch(reference, step: step, run.objective.model.description)
            let outcome = try run.loop.step(
                ObjectiveStep(objective, [batch]), number: step + 1, learningRate: 1e-3)
            #expect(
                abs(outcome.loss - losses[step]) < 1e-3 * losses[step],
                "step \(step): \(outcome.loss) but PyTorch \(losses[step])")
        }
    }
}

/// The loss of targets that the batch holds.
private final class GivenTargets: Objective {
    let model: any LanguageModel

    init(_ model: any LanguageModel) { self.model = model }

    func loss(
        _ batch: GivenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        ObjectiveLoss(
            model.loss(
                of: model.hiddenStates(batch.input, in: pass), targets: batch.targets, in: pass))
    }

    func operationsPerToken(length: Int) -> Double { model.operationsPerToken(length: length) }
    func randomBatch(rows: Int, columns: Int, seed: UInt64) -> GivenBatch {
        preconditionFailure("batches are given")
    }
}

/// A reference's batch of one step.
private struct GivenBatch: StepBatch {
    let rows = 3
    let read: [String: [Int32]]
    let kind: ModelKind
    let tokenTypes: Int

    var targets: [Int32] { read["labels"] ?? [] }
    var tokenCount: Int { targets.count }
    var sampleIDs: [UInt64] { [0, 1, 2] }
    func row(_ row: Int) -> GivenBatch { preconditionFailure("batches are taken whole") }

    init(_ reference: ReferenceFile, step: Int, _ description: ModelDescription) throws {
        kind = description.kind
        tokenTypes = description.tokenTypes
        var read: [String: [Int32]] = [:]
        for key in ["input_ids", "mask", "token_types", "decoder_ids", "labels"]
        where reference.has("steps." + key) {
            let all = try reference.integers("steps." + key)
            let count = all.count / 30
            read[key] = Array(all[step * count..<(step + 1) * count])
        }
        self.read = read
    }

    var input: TokenInput {
        let (ids, keys) = (read["input_ids"] ?? [], read["mask"] ?? [])
        var input = TokenInput(ids: ids, batch: rows)
        input.mask = AttentionMask(queries: Array(repeating: 1, count: ids.count), keys: keys)
        if tokenTypes > 0 { input.types = read["token_types"] }
        guard kind == .encoderDecoder else { return input }
        var written = TokenInput(ids: read["decoder_ids"] ?? [], batch: rows)
        written.source = TokenSource(input)
        return written
    }
}
