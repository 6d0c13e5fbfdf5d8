import Autograd
import Distributed
import Foundation
import Kernels
import Models
import Objectives
import Optimizers
import TestSupport
import Testing
import TextData
import Training

/// Fifty AdamW steps of tiny models against PyTorch's losses (scripts/references/models.py).
@Suite struct PyTorchLossTests {
    static let folders = ["gpt2", "llama", "llama_linear", "mistral", "qwen2", "qwen3"]

    // Rounding of 6e-8 a step, larger where Adam divides by a small √v: fifty steps stay far below 1e-3.
    @Test(arguments: folders)
    func fiftyAdamWStepsFollowPyTorch(folder: String) throws {
        let text = try References.text("models/\(folder)/config.json")
        let reference = try ReferenceFile("models/\(folder)/reference.safetensors")
        let record = try References.object("models/\(folder)/reference.json")
        let losses = try #require(record["losses"] as? [Double])
        let rates = try #require(record["learning_rates"] as? [Double])
        let norms = try #require(record["gradient_norms"] as? [Double])
        let run = try TinyRun(configuration: text, weights: "models/\(folder)/model.safetensors")
        try run.expectSteps(of: reference, columns: 24, losses, rates, norms)
    }
}

extension TinyRun {
    /// Expects PyTorch's losses and norms at these learning rates, on the reference's batches of two rows.
    func expectSteps(
        of reference: ReferenceFile, columns: Int, _ losses: [Double], _ rates: [Double],
        _ norms: [Double], at place: SourceLocation = #_sourceLocation
    ) throws {
        let (ids, targets) = (
            try reference.integers("steps.input_ids"), try reference.integers("steps.targets")
        )
        let rows = 2
        #expect(ids.count == losses.count * rows * columns, sourceLocation: place)
        for step in losses.indices {
            let part = step * rows * columns..<(step + 1) * rows * columns
            let batch = TokenBatch(
                rows: rows, columns: columns, ids: Array(ids[part]),
                targets: Array(targets[part]))
            let outcome = try loop.step(
                ObjectiveStep(objective, [batch]), number: step + 1, learningRate: rates[step])
            #expect(
                abs(outcome.loss - losses[step]) < 1e-3 * losses[step],
                "step \(step): \(outcome.loss) but PyTorch \(losses[step])", sourceLocation: place)
            #expect(
                abs(outcome.gradientNorm - norms[step]) < 1e-2 * norms[step], sourceLocation: place)
        }
    }
}

/// A tiny model with everything a step needs, on one process.
struct TinyRun {
    let workspace: Workspace
    let store: ParameterStore
    let objective: CausalPretraining
    let loop: TrainingLoop

    init(
        configuration: String, weights: String, purpose: ModelPurpose = .language,
        computeType: ElementType = .float32,
        lossScaling: DynamicLossScale.Options? = nil, splits: Bool = false
    ) throws {
        workspace = Workspace(threads: 1)
        let model = try ModelCatalog.model(configuration: configuration, for: purpose)
        store = ParameterStore(
            model.parameters, computeType: computeType, training: true, splits: splits,
            in: workspace)
        let file = try ReferenceFile(weights)
        for parameter in model.parameters {
            let names = model.namesInFiles(of: parameter)
            let name = names.first(where: file.has) ?? parameter.name
            workspace.assign(try file.floats(name), to: parameter)
        }
        let communicator = SingleProcess()
        let reducer = GradientReducer(
            store, over: communicator,
            settings: GradientReducer.Settings(
                bucketBytes: 1 << 14, overlaps: true, divides: false))
        let optimizer = Optimizer(
            AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1),
            store: store, ranges: reducer.ownedRanges, in: workspace)
        objective = CausalPretraining(model)
        loop = TrainingLoop(
            store: store, optimizer: optimizer, reducer: reducer,
            workspace: workspace, communicator: communicator,
            settings: StepSettings(
                nominalTargets: 48, maxGradNorm: 1, recomputing: .nothing, seed: 1,
                lossScaling: lossScaling, maxSkippedSteps: 5))
    }
}
