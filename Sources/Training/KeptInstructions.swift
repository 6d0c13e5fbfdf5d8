import Datasets
import Distributed
import Foundation
import Templates
import TextData

/// The examples in `tokenized_path`, which `lockstep prepare` or an earlier run has written.
struct KeptInstructions {
    let folder: String
    let encoder: any ConversationEncoding
    /// Ids are below it.
    let vocabularySize: Int
    let communicator: any Communicator

    /// Opens the examples where rank 0 finds some. Collective.
    ///
    /// - Parameter settings: of the run, which the examples have to fit.
    func read(_ settings: InstructionSettings) throws(TrainingError) -> TokenizedFile? {
        let first = try RankAgreement.onAllRanks(communicator) {
            () throws(TrainingError) -> TokenizedFile? in
            guard communicator.rank == 0 else { return nil }
            return try ofConversations { () throws(ConversationError) -> TokenizedFile? in
                let file = try TokenizedFile.open(in: folder, idsBelow: vocabularySize)
                try file?.check(settings, encoder)
                return file
            }
        }
        guard communicator.size > 1 else { return first }
        let marks = try gather(first.map { String($0.checksum, radix: 16) } ?? "")
        guard !marks[0].isEmpty else { return nil }
        let file = try RankAgreement.onAllRanks(communicator) {
            () throws(TrainingError) -> TokenizedFile in
            if let first { return first }
            let own = try ofConversations { () throws(ConversationError) in
                try TokenizedFile.open(in: folder, idsBelow: vocabularySize)
            }
            guard let own else {
                throw .user(
                    "tokenized_path: '\(folder)' holds \(TokenizedFile.name) on "
                        + "\(communicator.hostNames[0]), but not on \(communicator.hostName); copy "
                        + "it there, or use a folder that all hosts share")
            }
            return own
        }
        let all = try gather(String(file.checksum, radix: 16))
        if let other = all.firstIndex(where: { $0 != all[0] }) {
            throw .user(
                "\(file.path): \(communicator.hostNames[other]) has other examples than "
                    + "\(communicator.hostNames[0]); copy the file, or use a folder that all hosts "
                    + "share")
        }
        return file
    }

    /// Writes examples: rank 0, and for hosts that do not see its file their first rank. Collective.
    func write(
        _ dataset: InstructionDataset, of rows: InstructionRows
    ) throws(TrainingError) {
        for isFirst in [true, false] {
            try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
                guard isFirst ? communicator.rank == 0 : isFirstOfHostWithout else { return }
                try ofConversations { () throws(ConversationError) in
                    try TokenizedFile.write(
                        dataset, of: rows, to: folder, writer: communicator.rank)
                }
            }
        }
    }

    private var isFirstOfHostWithout: Bool {
        communicator.rank > 0 && communicator.localRank == 0
            && !FileManager.default.fileExists(atPath: TokenizedFile.path(in: folder))
    }

    private func gather(_ text: String) throws(TrainingError) -> [String] {
        do {
            return try communicator.allGather(text)
        } catch {
            throw .communication(error)
        }
    }
}
