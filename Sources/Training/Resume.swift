import Autograd
import Checkpoints
import Configuration
import Distributed
import Files
import Foundation
import ModelFiles
import Models
import Optimizers
import TextData

/// Where a resumed run starts; the same on every rank.
struct ResumePoint {
    var step: Int
    var samplesConsumed: Int
    var tokensSeen: Int
    /// Passes over the data.
    var epoch: Double
    var optimizerSteps: Int
    var scaler: DynamicLossScale.State?
    /// The best evaluation so far.
    var memory = RunMemory()

    /// What ranks need, as numbers that one broadcast carries.
    fileprivate var numbers: [Double] {
        var numbers = [step, samplesConsumed, tokensSeen, optimizerSteps].map(Double.init)
        if let scaler {
            let counts = [scaler.goodSteps, scaler.hysteresis, scaler.skippedSteps]
            numbers += [1, scaler.scale] + counts.map(Double.init)
        } else {
            numbers += Array(repeating: 0, count: 5)
        }
        if let value = memory.bestValue, let step = memory.bestStep {
            numbers += [1, value, Double(step)]
        } else {
            numbers += [0, 0, 0]
        }
        numbers.append(Double(memory.evaluationsWithoutBest))
        if let rows = memory.rows {
            numbers += [1, Double(rows.epoch), Double(rows.rows)]
        } else {
            numbers += [0, 0, 0]
        }
        numbers += [epoch, memory.owesEvaluation == true ? 1 : 0]
        let objective = memory.objective ?? []
        numbers += [Double(objective.count)] + objective
        numbers += memory.schedule?.numbers ?? []
        return numbers
    }

    fileprivate init(numbers: [Double]) {
        step = Int(numbers[0])
        samplesConsumed = Int(numbers[1])
        tokensSeen = Int(numbers[2])
        optimizerSteps = Int(numbers[3])
        epoch = numbers[16]
        memory.owesEvaluation = numbers[17] > 0 ? true : nil
        let objective = numbers[19..<19 + Int(numbers[18])]
        memory.objective = objective.isEmpty ? nil : Array(objective)
        memory.schedule = ScheduleMemory(numbers: numbers[objective.endIndex...])
        if numbers[4] > 0 {
            scaler = DynamicLossScale.State(
                scale: numbers[5], goodSteps: Int(numbers[6]), hysteresis: Int(numbers[7]),
                skippedSteps: Int(numbers[8]))
        }
        if numbers[9] > 0 {
            memory.bestValue = numbers[10]
            memory.bestStep = Int(numbers[11])
        }
        memory.evaluationsWithoutBest = Int(numbers[12])
        if numbers[13] > 0 {
            var rows = InstructionStream.Position()
            rows.epoch = Int(numbers[14])
            rows.rows = Int(numbers[15])
            memory.rows = rows
        }
    }

    fileprivate init(_ metadata: CheckpointMetadata) {
        step = metadata.step
        samplesConsumed = Int(metadata.data.samplesConsumed)
        tokensSeen = Int(metadata.data.tokensSeen)
        epoch = metadata.data.epoch
        optimizerSteps = metadata.optimizerSteps
        scaler = metadata.scaler.map {
            DynamicLossScale.State(
                scale: $0.scale, goodSteps: $0.goodSteps, hysteresis: $0.hysteresis,
                skippedSteps: $0.skippedSteps)
        }
        memory = RunMemory(text: metadata.history) ?? RunMemory()
    }
}

/// What a run remembers about its evaluations and its data; kept in checkpoints as JSON.
struct RunMemory: Codable, Sendable {
    var bestValue: Double?
    var bestStep: Int?
    var evaluationsWithoutBest = 0
    /// The rows read so far, where they are read as they are needed.
    var rows: InstructionStream.Position?
    /// What the schedule made of the evaluations; `nil` for one that follows from the step.
    var schedule: ScheduleMemory?
    /// What the objective knows of the steps that were made; `nil` where it needs nothing.
    var objective: [Double]?
    /// Whether the evaluation after this step was left unfinished.
    var owesEvaluation: Bool?
    /// The data so far; checkpoints of older versions remember none.
    var data: DataRecord?
    /// The model beside its arrays; checkpoints of older versions remember nothing of it.
    var model: ModelRecord?

    init() {}

    init(from decoder: any Swift.Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        bestValue = try values.decodeIfPresent(Double.self, forKey: .bestValue)
        bestStep = try values.decodeIfPresent(Int.self, forKey: .bestStep)
        evaluationsWithoutBest =
            try values.decodeIfPresent(Int.self, forKey: .evaluationsWithoutBest) ?? 0
        rows = try values.decodeIfPresent(InstructionStream.Position.self, forKey: .rows)
        schedule = try values.decodeIfPresent(ScheduleMemory.self, forKey: .schedule)
        objective = try values.decodeIfPresent([Double].self, forKey: .objective)
        owesEvaluation = try values.decodeIfPresent(Bool.self, forKey: .owesEvaluation)
        data = try values.decodeIfPresent(DataRecord.self, forKey: .data)
        model = try values.decodeIfPresent(ModelRecord.self, forKey: .model)
    }

    /// `nil` for what no run has written; older versions have written less.
    init?(text: String) {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let found = try? decoder.decode(RunMemory.self, from: Data(text.utf8)),
            found.isPossible
        else { return nil }
        self = found
    }

    /// Numbers that an objective remembers at most: those of a rollout of some thousand completions.
    private static let mostNumbers = 1 << 26

    /// Whether a run can have written it: counts from 0 that a double tells apart.
    private var isPossible: Bool {
        let counts = [
            bestStep, evaluationsWithoutBest, schedule?.badEvaluations, schedule?.cooldownLeft,
        ]
        return counts.allSatisfy { (0...TrainingPlan.mostSteps) ~= $0 ?? 0 }
            && rows?.isPossible != false
            && objective.map { $0.count <= Self.mostNumbers && $0.allSatisfy(\.isFinite) } != false
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // An evaluation may overflow; what else is remembered must not be lost for it.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

/// Finds the checkpoint a run goes on from.
struct Resume {
    let configuration: RunConfiguration
    let store: HDF5CheckpointStore
    let setup: ModelSetup
    let rule: any OptimizerRule
    let data: SessionData
    let communicator: any Communicator

    /// Collective; only rank 0 reads files and gets the arrays.
    func find() throws(TrainingError) -> (
        point: ResumePoint?, state: TrainingState?, notes: [String]
    ) {
        let found = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            communicator.rank == 0 ? try read() : (nil, [])
        }
        let (state, notes) = found
        let own = state.map { ResumePoint($0.metadata) }
        var numbers = own?.numbers ?? []
        do {
            var count = [Double(numbers.count)]
            try communicator.broadcast(&count, from: 0)
            guard count[0] > 0 else { return (nil, nil, notes) }
            if numbers.isEmpty { numbers = Array(repeating: 0, count: Int(count[0])) }
            try communicator.broadcast(&numbers, from: 0)
        } catch {
            throw .communication(error)
        }
        return (own ?? ResumePoint(numbers: numbers), state, notes)
    }

    private func read() throws(TrainingError) -> (TrainingState?, [String]) {
        do {
            // A run that only tries a model takes it from model_name_or_path.
            guard configuration.method.doTrain else { return (nil, []) }
            try FinishedOutput.check(configuration.output, store)
            switch configuration.output.resume {
            case .never: return (nil, [])
            case .checkpoint(let path):
                let (state, notes) = try checked(CheckpointReader(path: path).state(), file: path)
                return (state, ["resuming from \(path) at step \(state.step)"] + notes)
            case .automatic, .newest: return try newest()
            }
        } catch let error as TrainingError {
            throw error
        } catch let error as CheckpointError {
            throw .checkpoint(error)
        } catch {
            throw .user("\(error)")
        }
    }

    private func newest() throws -> (TrainingState?, [String]) {
        let (state, rejected) = try store.readNewest()
        var notes = rejected.map { "not used: \($0.description)" }
        guard let state else {
            if configuration.output.resume == .newest || !rejected.isEmpty {
                throw TrainingError.user(
                    (rejected.map(\.description) + [
                        "no complete checkpoint in \(store.folder) to resume from; "
                            + "set overwrite_output_dir: true to start anew"
                    ]).joined(separator: "; "))
            }
            return (nil, notes)
        }
        notes.append(
            "resuming from \(store.path(step: state.step)); change output_dir or set "
                + "overwrite_output_dir: true to start anew")
        let (found, more) = try checked(state, file: store.path(step: state.step))
        return (found, notes + more)
    }

    /// The state, if it belongs to this model, optimizer and data, and lines for the user.
    private func checked(
        _ state: TrainingState, file: String
    ) throws -> (TrainingState, [String]) {
        do {
            try ModelFit.check(
                state.model.map { ArrayDescription(name: $0.name, shape: $0.shape) },
                setup.savedParameters, file: file)
        } catch {
            let other =
                setup.isAdapter
                ? "another adapter; restore the settings of finetuning, choose another "
                : "another model; choose another "
            throw TrainingError.user(
                "\(error.description): this is a checkpoint of \(other)output_dir or set "
                    + "overwrite_output_dir: true to start anew")
        }
        guard state.metadata.optimizer == rule.name else {
            throw TrainingError.user(
                "\(file) was written with the optimizer \(state.metadata.optimizer), but optim "
                    + "asks for \(rule.name); set optim back or start anew with another output_dir")
        }
        guard let memory = RunMemory(text: state.metadata.history) else {
            throw TrainingError.user(
                "\(file): /meta/history says what no run remembers, found "
                    + "\(state.metadata.history.prefix(80)), expected evaluations and rows so far; "
                    + "resume from another checkpoint or start anew with another output_dir")
        }
        let others = ModelRecord(setup).changes(
            since: memory.model,
            configuration: (
                setup.model.description.configuration, state.metadata.modelConfiguration
            ))
        guard others.isEmpty else {
            throw TrainingError.user(
                "\(file) was written by a run of another model: \(others.joined(separator: "; ")); restore "
                    + "model_name_or_path and the settings of finetuning, choose another output_dir or set "
                    + "overwrite_output_dir: true to start anew")
        }
        let change = change(of: state, remembering: memory, file: file)
        if let change, !configuration.data.allowChangedData {
            throw TrainingError.user(
                "\(change); restore them, set allow_changed_data: true to go on with what is there "
                    + "now, or start anew with another output_dir")
        }
        try checkOptimizer(state, file: file)
        return (state, change.map { [$0 + ": going on with that (allow_changed_data)"] } ?? [])
    }

    /// Throws where the state lacks what the optimizer keeps, or has it in other shapes.
    private func checkOptimizer(_ state: TrainingState, file: String) throws(TrainingError) {
        if state.optimizer.isEmpty, !rule.elementwiseState.isEmpty || rule.needsWholeParameters {
            throw TrainingError.user(
                "\(file) holds the model only (save_only_model), so the run cannot go on from it; "
                    + "give it as model_name_or_path with another output_dir")
        }
        let order = rule.blocks
        let block = order?.block(of: max(state.metadata.optimizerSteps, 1))
        let trained =
            block.flatMap { order?.names[$0] }
            ?? Set(setup.model.parameters.filter(\.isTrainable).map(\.name))
        let kept = Set(state.firstMoment.map(\.name))
        guard kept.isEmpty || kept == trained else {
            throw TrainingError.user(
                "\(file) was written while \(kept.count) weights were trained, but now they are "
                    + "\(trained.count); restore the settings of finetuning, choose another "
                    + "output_dir or set overwrite_output_dir: true to start anew")
        }
        for parameter in setup.model.parameters where parameter.isTrainable {
            for array in rule.ownState(of: parameter) {
                let found = state[.optimizer(array.name)].first { $0.name == parameter.name }
                guard found?.shape == array.shape.extents else {
                    throw TrainingError.user(
                        "\(file) holds \(array.name) of \(parameter.name) as "
                            + "\(found.map { "\(Shape($0.shape))" } ?? "nothing"), but optim: "
                            + "\(rule.name) keeps \(array.shape) as it is set now; restore its "
                            + "settings, choose another output_dir or set overwrite_output_dir: "
                            + "true to start anew")
                }
            }
        }
    }

    /// What of the data is not as it was when the checkpoint was written.
    private func change(
        of state: TrainingState, remembering memory: RunMemory, file: String
    ) -> String? {
        let position = state.metadata.data
        let found = (Int(position.sampleTokens), Int(position.datasetTokens))
        let expected = (data.sampleTokens, data.datasetTokens)
        guard found == expected else {
            return "\(file) was trained on \(found.1) tokens in samples of \(found.0), but the run "
                + "has \(expected.1) in samples of \(expected.0) (dataset, tokenized_path, "
                + "cutoff_len)"
        }
        guard let kept = memory.data else { return nil }
        let changes = DataRecord(data, configuration).changes(since: kept)
        return changes.isEmpty
            ? nil
            : "the data of the run that wrote \(file) have changed: "
                + changes.joined(separator: "; ")
    }
}
