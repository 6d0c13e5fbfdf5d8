package import Configuration
package import Distributed
import Foundation
import TextData

/// What `prepare` does for the stage of a configuration.
package struct StagePreparation {
    /// How far this rank has come.
    package enum Progress: Sendable {
        /// Text that becomes shards.
        case text(bytes: Int, of: Int, tokens: Int)
        /// Rows that become examples.
        case rows(Int, of: Int)
    }

    private enum Work {
        case shards(ShardPreparation)
        case instructions(InstructionPreparation)
    }

    private let work: Work

    /// - Parameter localRanks: ranks on this host, which share its processors.
    package init(
        _ configuration: RunConfiguration, localRanks: Int
    ) throws(TrainingError) {
        switch configuration.method.stage {
        case .pretraining:
            work = .shards(try ShardPreparation(configuration, localRanks: localRanks))
        case .classification, .preference, .desirability, .ranking, .policy, .groupPolicy:
            throw .user(
                "stage: \(configuration.method.stage.rawValue) needs no preparing, its texts are "
                    + "encoded as the run starts")
        case .supervised:
            work = .instructions(
                try InstructionPreparation(configuration, localRanks: localRanks))
        }
    }

    /// Writes what is not there yet, each rank its share. Collective.
    ///
    /// - Parameter progress: called by one thread at a time.
    /// - Returns: lines for the user, on rank 0.
    package func run(
        over communicator: any Communicator, progress: @escaping @Sendable (Progress) -> Void
    ) throws(TrainingError) -> [String] {
        switch work {
        case .shards(let preparation):
            let done = try preparation.run(over: communicator) {
                progress(.text(bytes: $0.bytesDone, of: $0.bytesTotal, tokens: $0.tokens))
            }
            guard let manifest = done.manifest else { return [] }
            return preparation.notices + manifest.changes(folder: preparation.folder) + [
                Self.summary(manifest, done.report, folder: preparation.folder)
            ]
        case .instructions(let preparation):
            return try preparation.run(over: communicator) { progress(.rows($0, of: $1)) }
        }
    }

    private static func summary(
        _ manifest: CorpusManifest, _ report: PreparationReport, folder: String
    ) -> String {
        let skipped =
            report.unitsSkipped > 0 ? " (\(report.unitsSkipped) were there already)" : ""
        return "\(folder): \(manifest.totals.tokens) tokens of \(manifest.totals.documents) "
            + "documents in \(manifest.shards.count) shards\(skipped), "
            + String(format: "%.1f s", report.seconds)
    }
}
