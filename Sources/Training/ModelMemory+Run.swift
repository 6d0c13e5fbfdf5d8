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
        _ configuration: RunConfiguration, _ model: any LanguageModel, training: Bool,
        over communicator: any Communicator
    ) throws(TrainingError) {
        let rule = configuration.optimizerRule
        let moments = rule.elementwiseState.count
        let sharing = configuration.compute.zeroStage == 0 ? 1 : communicator.size
        let needed = Self.bytes(
            of: model.parameters, computeType: configuration.computeType, training: training,
            moments: Double(moments) / Double(sharing))
        try ofModelFiles { () throws(ModelFileError) in
            try Self.check(needed, ranks: communicator.localSize)
        }
    }
}
