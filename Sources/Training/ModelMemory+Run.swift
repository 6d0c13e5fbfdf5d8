import Configuration
import Distributed
import ModelFiles
import Models
import Optimizers

extension ModelMemory {
    /// Throws where memory lacks room for the model of a run and its optimizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` with what is needed, what there is, and what to do.
    static func check(
        _ configuration: RunConfiguration, _ model: any LanguageModel,
        _ rule: any OptimizerRule, training: Bool, over communicator: any Communicator
    ) throws(TrainingError) {
        let trained = model.parameters.reduce(0) { $0 + ($1.isTrainable ? $1.count : 0) }
        let moments = Double(rule.stateCount(of: model.parameters)) / Double(max(trained, 1))
        let learning = rule.blocks.map { blocks in
            blocks.names.map { names in
                model.parameters.reduce(0) { $0 + (names.contains($1.name) ? $1.count : 0) }
            }.max() ?? 0
        }
        let sharing = configuration.compute.zeroStage == 0 ? 1 : communicator.size
        let needed = Self.bytes(
            of: model.parameters, computeType: configuration.computeType, training: training,
            moments: moments / Double(sharing),
            gradients: Double(learning ?? trained) / Double(max(trained, 1)))
        try ofModelFiles { () throws(ModelFileError) in
            try Self.check(needed, ranks: communicator.localSize)
        }
    }
}
