import Configuration
package import Distributed

extension RunConfiguration {
    /// Stops on all ranks where their configurations differ, naming the first key that does.
    ///
    /// Paths and threads may differ between hosts. `output_dir` may not, though rank 0 alone writes
    /// there: who starts ranks with several means something else than what would happen. Collective.
    package func agree(over communicator: any Communicator) throws(TrainingError) {
        guard communicator.size > 1 else { return }
        do throws(CommunicationError) {
            let summary = "\(hash) \(output.outputDir ?? "")"
            let summaries = try communicator.allGather(summary)
            guard Set(summaries).count > 1 else { return }
            let lines = try communicator.allGather(comparedLines.joined(separator: "\n"))
                .map { $0.split(separator: "\n").map(String.init) }
            for index in 0..<(lines.map(\.count).max() ?? 0) {
                let values = lines.map { $0.indices.contains(index) ? $0[index] : "nothing" }
                let key = values[0].prefix { $0 != ":" }
                if let error = StartupAgreement.disagreement(
                    on: "the configuration (\(key))", values, hosts: communicator.hostNames)
                {
                    throw error
                }
            }
        } catch {
            throw .communication(error)
        }
    }
}
