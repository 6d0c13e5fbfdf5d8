import Configuration
import Distributed
import Evaluation

extension EvaluationCorpus {
    /// Turns the text into shards, those of an earlier run with the same text left alone.
    /// Collective.
    ///
    /// - Returns: lines for the user.
    static func prepare(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) throws(TrainingError) -> [String] {
        var lines: [String] = []
        for corpus in all(configuration) {
            let preparation = try RankAgreement.onAllRanks(communicator) {
                () throws(TrainingError) in
                try ShardPreparation(
                    configuration, localRanks: communicator.localSize, corpus: corpus)
            }
            let done = try preparation.run(over: communicator)
            guard let totals = done.manifest?.totals else { continue }
            lines += preparation.notices
            lines.append(
                "\(corpus.datasets.joined(separator: ", ")): evaluated on \(totals.tokens) tokens "
                    + "of \(totals.documents) documents, in \(corpus.folder)")
        }
        return lines
    }
}
