package import Distributed
import ModelFiles

/// Whether all ranks read the same model.
package enum ModelAgreement {
    /// Stops on all ranks where their files of a model or of the adapters on it differ. Collective.
    ///
    /// - Parameter adapters: folders.
    /// - Returns: what tells these weights from others.
    package static func check(
        _ path: String, adapters: [String] = [], over communicator: any Communicator
    ) throws(TrainingError) -> String {
        let source = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ofModelFiles { () throws(ModelFileError) in try ModelSource(path: path) }
        }
        return try source.agree(adapters: adapters, over: communicator)
    }
}
