package import Autograd
package import Configuration
package import Distributed
import Foundation
package import Kernels
package import ModelFiles
package import Models
package import Objectives
package import Optimizers

/// What a run computes with, made from its configuration: objective, parameters, reducer, and then
/// optimizer and loop. Sessions, benchmarks and planning all make theirs here.
package struct RunAssembly {
    /// What it is made for.
    package enum Purpose {
        case run
        /// The step is timed: what is trained whole needs no weights from files.
        case measurement
    }

    package let configuration: RunConfiguration
    package let setup: ModelSetup
    package let objective: any Objective
    package let parameters: ParameterStore
    package let rule: any OptimizerRule
    package let reducer: GradientReducer
    /// A line for the user about how gradients are summed; `nil` on one rank.
    package let summingNote: String?
    package let workspace: Workspace
    private let communicator: any Communicator

    /// The model of a configuration and what finetuning adds, and the configuration with samples that
    /// the model has positions for; nothing has memory yet.
    ///
    /// - Parameter purpose: which head the model has.
    package static func setup(
        _ source: ModelSource, _ given: RunConfiguration, for purpose: ModelPurpose
    ) throws(TrainingError) -> (setup: ModelSetup, configuration: RunConfiguration) {
        let setup = try ofModelFiles { () throws(ModelFileError) in
            try ModelSetup(source, given, for: purpose)
        }
        let positions = setup.model.description.maximumPositions
        let configuration = try given.fitted(to: positions)
        guard configuration.data.cutoffLen <= positions else {
            if let count = setup.model.registry.virtualTokens?.tokens?.count {
                throw .user(
                    "cutoff_len is \(configuration.data.cutoffLen) but \(positions) of the model's "
                        + "positions are left beside \(count) virtual tokens; lower cutoff_len")
            }
            throw .user(
                "cutoff_len is \(configuration.data.cutoffLen) but the model is made for "
                    + "\(positions) positions (config.json); lower cutoff_len")
        }
        return (setup, configuration)
    }

    /// Takes the memory that the run needs. Collective.
    ///
    /// - Parameters:
    ///   - objective: made for the setup's model; it may have added heads to it.
    ///   - reducing: how gradients are summed, where it is not for the configuration to say.
    package init(
        _ configuration: RunConfiguration, _ setup: ModelSetup, _ objective: any Objective,
        for purpose: Purpose, reducing: GradientReducer.Settings? = nil, in workspace: Workspace,
        over communicator: any Communicator
    ) throws(TrainingError) {
        self.configuration = configuration
        self.setup = setup
        self.objective = objective
        self.workspace = workspace
        self.communicator = communicator
        let readsBase =
            purpose == .run ? !configuration.model.trainFromScratch : setup.isAdapter
        let trains = purpose == .measurement || configuration.method.doTrain
        if readsBase {
            try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
                try ofModelFiles { () throws(ModelFileError) in
                    try setup.keepQuantized(in: workspace)
                }
            }
        }
        let rule = try configuration.optimizerRule(for: setup.model)
        self.rule = rule
        setup.model.freeze(outside: rule.blocks)
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ModelMemory.check(
                configuration, setup.model, rule, training: trains, over: communicator)
        }
        parameters = ParameterStore(
            setup.model.parameters, computeType: configuration.computeType, training: trains,
            splits: !setup.isAdapter, turns: rule.blocks?.names ?? [], in: workspace)
        if let reducing {
            reducer = GradientReducer(parameters, over: communicator, settings: reducing)
            summingNote = nil
        } else {
            let summing = try GradientSumming(
                configuration, setup.model, for: rule, over: communicator, in: workspace)
            reducer = GradientReducer(
                parameters, over: communicator, settings: summing.settings,
                tables: summing.tables)
            summingNote = summing.note
        }
    }

    /// Gives the parameters numbers for a measurement. Collective.
    package func drawOrFill() throws(TrainingError) {
        guard setup.isAdapter else {
            parameters.initialize(seed: UInt64(configuration.train.seed))
            return
        }
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ofModelFiles { () throws(ModelFileError) in try setup.fill(in: workspace) }
        }
    }

    package func optimizer() -> Optimizer {
        Optimizer(
            rule, store: parameters, ranges: reducer.ownedRanges,
            in: workspace, rateFactor: { Double(setup.method.learningRateFactor(for: $0)) })
    }

    /// - Parameter scaler: the loss scale of the checkpoint that is gone on from.
    package func loop(_ optimizer: Optimizer, scaler: DynamicLossScale.State? = nil) -> TrainingLoop
    {
        TrainingLoop(
            store: parameters, optimizer: optimizer, reducer: reducer, workspace: workspace,
            communicator: communicator,
            settings: configuration.stepSettings(
                ranks: communicator.size, recomputing: recomputing),
            scaler: scaler)
    }

    /// One block of so many is computed again where the base is kept in few bits: who does that wants
    /// memory more than the last tenth of the speed.
    static let recomputedBlock = 3

    /// What of the activations is computed again in backward.
    package var recomputing: Recomputing {
        if configuration.model.gradientCheckpointing { return .blocks }
        return setup.model.parameters.contains { $0.quantized != nil }
            ? .cheap(blockOf: Self.recomputedBlock) : .nothing
    }

    /// Threads of this rank: as told, or its share of the processors it may use.
    package static func threads(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) -> Int {
        if let threads = configuration.compute.trainingThreadsPerRank { return threads }
        let allowed = Machine.allowedProcessors()
        // A rank that is bound has processors of its own; unbound ones share the machine.
        let isBound = allowed < ProcessInfo.processInfo.processorCount
        return max(1, isBound ? allowed : allowed / communicator.localSize)
    }
}
