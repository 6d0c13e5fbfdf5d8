import Autograd
import Configuration
import Distributed
import Foundation
import Kernels
import Models
import Objectives
import Reports
import TextData
import Training

/// An objective of two heads: the next token, and the one after it by a head of its own, whose loss is
/// divided by its own number of targets. What a new objective takes: this class and its line.
private final class TwoTokensObjective: Objective {
    private let model: any LanguageModel
    let second: LanguageHead
    let measureNames = ["next", "second"]
    let figureNames = ["next_loss", "second_loss"]

    static let entry = ObjectiveCatalog.Entry(
        .pretraining, { TwoTokensObjective($1) }, open: StageData.shards)

    init(_ model: any LanguageModel) {
        self.model = model
        second = LanguageHead(
            weight: Scope(model.registry).parameter(
                "second_head.weight", [model.description.vocabularySize, model.description.width],
                .normal(deviation: 0.02)))
    }

    func measure(_ batches: [TokenBatch], in pass: MeasuringPass) -> Measures {
        var measures = Measures(measureNames)
        for batch in batches {
            measures["next"] += Double(batch.targets.count { $0 >= 0 })
            measures["second"] += Double(Self.secondTargets(batch).count { $0 >= 0 })
        }
        return measures
    }

    func loss(
        _ batch: TokenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let hidden = model.hiddenStates(
            batch.ids, batch: batch.rows, segments: batch.segments, in: pass)
        let next = model.loss(of: hidden, targets: batch.targets, in: pass)
        let weight = measures["next"] / max(measures["second"], 1)
        let targets = Self.secondTargets(batch)
        let after = second.loss(
            hidden, targets: targets,
            rowWeights: Array(repeating: Float(weight), count: targets.count), in: pass)
        var figures = FigureSums(figureNames)
        figures.add("next_loss", sum: next.sum, count: Double(next.targets))
        // Of a filling batch both are zero.
        figures.add(
            "second_loss", sum: after.sum / (weight > 0 ? weight : 1), count: Double(after.targets))
        return ObjectiveLoss(next.adding(after), figures: figures)
    }

    func operationsPerToken(length: Int) -> Double { model.operationsPerToken(length: length) }

    func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
    }

    /// The token after the next at each place; none at the last of a row.
    private static func secondTargets(_ batch: TokenBatch) -> [Int32] {
        batch.targets.indices.map {
            $0 % batch.columns == batch.columns - 1
                ? TokenBatch.ignoredTarget : batch.targets[$0 + 1]
        }
    }
}

private let configuration = """
    {"model_type": "llama", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48,
     "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
     "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
    """

/// The slope of both losses' mean along their gradient, by a step to either side, is its length.
func checkTwoTokensGradient(_ communicator: any Communicator) throws(CommunicationError) {
    guard let model = try? ModelCatalog.model(configuration: configuration) else { return }
    let objective = TwoTokensObjective(model)
    for recomputing in [Recomputing.nothing, .blocks] {
        let workspace = Workspace(threads: 1)
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: true, in: workspace)
        store.initialize(seed: 4)
        let step = ObjectiveStep(
            objective, [objective.randomBatch(rows: 2, columns: 12, seed: 9)])
        func run(backward: Bool) -> Double {
            let pass = ForwardPass(
                workspace: workspace, computeType: .float32, tape: backward ? Tape() : nil,
                recomputing: recomputing)
            let outcome = step.loss(
                of: StepPart(microBatch: 0),
                given: step.measure(rowByRow: false, in: { _ in pass }), in: pass)
            if backward { pass.backward(from: outcome.loss) }
            return outcome.loss.sum
        }
        store.clearGradients()
        _ = run(backward: true)
        let gradients = model.parameters.map { parameter in
            parameter.gradient.map { workspace.numbers($0, count: parameter.count) } ?? []
        }
        let values = model.parameters.map { workspace.numbers($0.value, count: $0.count) }
        let length = gradients.joined().reduce(0.0) { $0 + Double($1) * Double($1) }
            .squareRoot()
        // Far above float32's rounding of the loss (1e-6 of 220), far below where it bends.
        let distance = 1e-2
        let sides = [distance, -distance].map { side in
            for (index, parameter) in model.parameters.enumerated() {
                workspace.assign(
                    zip(values[index], gradients[index]).map {
                        $0 + Float(side / length) * $1
                    }, to: parameter)
            }
            return run(backward: false)
        }
        let slope = (sides[0] - sides[1]) / (2 * distance)
        // A third derivative of the order of the slope would show at 1e-4; rounding at 1e-3.
        let isRight = abs(slope - length) < 5e-3 * length && length > 1
        print("gradient \(isRight ? "right" : "wrong: slope \(slope), length \(length)")")
    }
}

/// Trains with the two heads on given tokens and prints the log's lines.
func trainTwoTokens(_ communicator: any Communicator) throws(CommunicationError) {
    var folder = ""
    if communicator.rank == 0 {
        folder =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("lockstep-two-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(
            atPath: folder + "/model", withIntermediateDirectories: true)
        try? configuration.write(
            toFile: folder + "/model/config.json", atomically: true, encoding: .utf8)
        let tokens = (0..<4096).flatMap { (place: Int) -> [UInt8] in
            [UInt8((place * 7 + place / 5) % 11), 0]
        }
        try? Data(tokens).write(to: URL(fileURLWithPath: folder + "/tokens.bin"))
    }
    folder = try communicator.allGather(folder)[0]
    defer { if communicator.rank == 0 { try? FileManager.default.removeItem(atPath: folder) } }
    let values: [String: ConfigurationValue.Content] = [
        "stage": .string("pt"), "model_name_or_path": .string(folder + "/model"),
        "train_from_scratch": .bool(true), "tokenized_path": .string(folder + "/tokens.bin"),
        "output_dir": .string(folder + "/out"), "cutoff_len": .int(16), "max_steps": .int(30),
        "per_device_train_batch_size": .int(2), "learning_rate": .double(1e-2),
        "logging_steps": .int(1), "threads_per_rank": .int(1), "val_size": .int(4),
        "eval_strategy": .string("steps"), "eval_steps": .int(30),
    ]
    let heartbeat = try Heartbeat(
        communicator: communicator, settings: HeartbeatSettings(timeoutSeconds: 60))
    do {
        let session = try TrainingSession(
            RunConfiguration(
                values: values.mapValues { ConfigurationValue($0, place: .line(1, file: "run")) },
                command: .train),
            objectives: ObjectiveCatalog([TwoTokensObjective.entry]), communicator: communicator,
            heartbeat: heartbeat)
        let log = TrainerLogFile(folder: folder + "/out")
        let run = try TrainingRun(
            session, observers: communicator.rank == 0 ? [log] : [],
            stop: StopRequest(afterSeconds: nil))
        _ = try run.run()
        guard communicator.rank == 0 else { return }
        print(try String(contentsOfFile: folder + "/out/trainer_log.jsonl", encoding: .utf8))
    } catch {
        print("failed: \(error)")
        heartbeat.stop(failed: true)
    }
}

/// Leaves one of two losses out of backward, which must not go unnoticed.
func forgetLoss(_ communicator: any Communicator) throws(CommunicationError) {
    guard let model = try? ModelCatalog.model(configuration: configuration) else { return }
    let workspace = Workspace(threads: 1)
    let store = ParameterStore(
        model.parameters, computeType: .float32, training: true, in: workspace)
    store.initialize(seed: 4)
    let batch = TokenBatch(rows: 1, columns: 8, randomBelow: 96, seed: 2)
    let pass = ForwardPass(workspace: workspace, computeType: .float32, tape: Tape())
    let hidden = model.hiddenStates(batch.ids, batch: 1, segments: nil, in: pass)
    _ = model.loss(of: hidden, targets: batch.targets, in: pass)
    let second = model.loss(of: hidden, targets: batch.ids, in: pass)
    pass.backward(from: second)
}
