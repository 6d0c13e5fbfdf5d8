import Autograd
import Checkpoints
import Distributed
import Foundation
import Kernels
import Models
import Objectives
import Optimizers
import TextData
import Training

/// A tiny Llama, some steps on.
private struct TrainedModel {
    static let configuration = """
        {"model_type": "llama", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
        """
    let store: ParameterStore
    let loop: TrainingLoop

    init(
        _ communicator: any Communicator, _ type: ElementType,
        by rule: any OptimizerRule = AdamW(
            beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), divides: Bool
    ) throws {
        let workspace = testWorkspace()
        let model = try ModelCatalog.model(configuration: Self.configuration)
        store = ParameterStore(
            model.parameters, computeType: type, training: true, splits: true, in: workspace)
        store.initialize(seed: 5)
        var reducing = GradientReducer.Settings(
            bucketBytes: 1 << 12, overlaps: false, divides: divides)
        reducing.ownsWholeParameters = rule.needsWholeParameters
        let reducer = GradientReducer(store, over: communicator, settings: reducing)
        let optimizer = Optimizer(
            rule,
            store: store, ranges: reducer.ownedRanges, in: workspace)
        loop = TrainingLoop(
            store: store, optimizer: optimizer, reducer: reducer,
            workspace: workspace, communicator: communicator,
            settings: StepSettings(
                nominalTargets: 24, maxGradNorm: nil, recomputing: .nothing, seed: 1,
                lossScaling: nil, maxSkippedSteps: 5))
        for step in 1...3 {
            let ids = (0..<24).map { Int32(($0 * 7 + step * 13 + communicator.rank * 29) % 96) }
            let batch = TokenBatch(
                rows: 1, columns: 24, ids: ids, targets: ids.dropFirst() + [ids[0]])
            _ = try loop.step(
                ObjectiveStep(CausalPretraining(model), [batch]), number: step, learningRate: 1e-2)
        }
    }

    /// What a checkpoint of now holds; `nil` on other ranks than 0.
    func state(readable: Bool) throws -> TrainingState? {
        guard
            let snapshot = try loop.snapshot(
                of: store.parameters, moments: true, readable: readable)
        else { return nil }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("lockstep-snapshots-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = HDF5CheckpointStore(folder: folder, program: "test")
        let metadata = CheckpointMetadata(
            step: 3, configuration: "", modelConfiguration: Self.configuration, tokenizer: [:],
            data: DataPosition(
                samplesConsumed: 0, tokensSeen: 0, seed: 0, epoch: 0, sampleTokens: 0,
                datasetTokens: 0), scaler: nil, random: RandomState(seed: 0), history: "{}",
            optimizer: "adamw", optimizerSteps: 3)
        try files.write(metadata) { writer throws(CheckpointError) in
            try snapshot.append(to: writer)
        }
        return try files.read(step: 3)
    }
}

/// Checkpoints of divided arrays, gathered by messages and read where they lie, hold the same; and, of
/// two ranks, whose sums have one order, what a run holds that divides nothing.
func checkSnapshots(_ communicator: any Communicator) throws(CommunicationError) {
    for type in [ElementType.float32, .bfloat16] {
        do {
            let divided = try TrainedModel(communicator, type, divides: true)
            let gathered = try divided.state(readable: false)
            let read = try divided.state(readable: true)
            // Nobody's arrays may go before rank 0 has read them.
            try communicator.barrier()
            let whole = try TrainedModel(communicator, type, divides: false)
            let expected = try whole.state(readable: false)
            expect((gathered != nil) == (communicator.rank == 0), "rank 0 alone has a snapshot")
            expect(gathered == read, "\(type): arrays read where they lie differ")
            expect(
                communicator.size > 2 || gathered == expected, "\(type): divided arrays differ")
            expect(
                gathered?.secondMoment.allSatisfy { $0.values.contains { $0 != 0 } } != false,
                "\(type): moments are zero")
        } catch let error as CommunicationError {
            throw error
        } catch {
            expect(false, "\(error)")
        }
    }
}

/// Momentum that is one number a matrix: what it keeps has another shape than the weights, and it needs
/// whole parameters.
private struct ScalarMomentum: OptimizerRule {
    let name = "scalar-momentum"
    let weightDecay = 0.0
    let elementwiseState = ["first_moment"]
    let needsWholeParameters = true

    func ownState(of parameter: Parameter) -> [StateArray] {
        [StateArray(name: "scalar", shape: [1])]
    }

    func update(_ part: UpdatePart, in workspace: Workspace) {
        expect(
            part.range == 0..<part.parameter.count, "\(part.parameter.name) is cut: \(part.range)")
        guard case .whole(let weights, let copies) = part.weights else { return }
        let count = part.range.count
        let gradients = workspace.numbers(part.gradients, count: count)
        let mean = gradients.reduce(0, +) / Float(count) * part.gradientScale
        let kept = 0.5 * workspace.numbers(part.own[0], count: 1)[0] + mean
        workspace.store([kept], into: part.own[0])
        workspace.store(gradients, into: part.elementwise[0])
        let moved = workspace.numbers(weights, count: count).map { $0 - part.learningRate * kept }
        workspace.store(moved, into: weights)
        if let copies { workspace.store(moved, into: copies) }
    }
}

/// A rule that needs whole parameters, its state divided among ranks and not: the same checkpoint.
func checkWholeParameters(_ communicator: any Communicator) throws(CommunicationError) {
    do {
        let rule = ScalarMomentum()
        let divided = try TrainedModel(communicator, .float32, by: rule, divides: true)
        for readable in [false, true] {
            let found = try divided.state(readable: readable)
            try communicator.barrier()
            let whole = try TrainedModel(communicator, .float32, by: rule, divides: false)
            let expected = try whole.state(readable: false)
            // Of two ranks sums have one order.
            expect(communicator.size > 2 || found == expected, "divided arrays differ")
            let kept = found?[.optimizer("scalar")] ?? []
            expect(
                found == nil
                    || (kept.count == divided.store.slots.count
                        && kept.allSatisfy { $0.values.count == 1 && $0.values[0] != 0 }),
                "own arrays: \(kept.map(\.name))")
        }
    } catch let error as CommunicationError {
        throw error
    } catch {
        expect(false, "\(error)")
    }
}
