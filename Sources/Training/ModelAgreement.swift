package import Distributed
import ModelFiles

/// Whether all ranks read the same model.
package enum ModelAgreement {
    /// Stops on all ranks where their files of a model differ. Collective.
    package static func check(
        _ path: String, over communicator: any Communicator
    ) throws(TrainingError) {
        let source = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ofModelFiles { () throws(ModelFileError) in try ModelSource(path: path) }
        }
        try source.agree(over: communicator)
    }
}
