import Datasets
import Distributed
import Templates
import TextData

/// The rows of a run, encoded by all its ranks: each its share, and every rank gets all.
struct InstructionEncoding {
    let rows: InstructionRows
    private let communicator: any Communicator

    /// Finds the rows. Collective.
    init(
        _ settings: InstructionSettings, _ encoder: any ConversationEncoding,
        over communicator: any Communicator
    ) throws(TrainingError) {
        self.communicator = communicator
        rows = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ofConversations { () throws(ConversationError) in
                try InstructionRows(settings, encoder.format, encoder.tokenizer)
            }
        }
        guard communicator.size > 1 else { return }
        let own = String(rows.fingerprint, radix: 16)
        let all = try communicating { () throws(CommunicationError) in
            try communicator.allGather(own)
        }
        guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
        throw .user(
            "the rows of rank \(other) on \(communicator.hostNames[other]) are not those of rank 0 "
                + "on \(communicator.hostNames[0]); give all hosts the same files of dataset")
    }

    /// Encodes the rows. Collective; the examples do not depend on the number of ranks.
    ///
    /// - Parameter progress: called with the rows of this rank that are done, and all of them.
    func dataset(
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(TrainingError) -> InstructionDataset {
        let share = rows.share(of: communicator.rank, among: communicator.size)
        let own = rows.encoded(share) { progress($0, share.count) }
        let all = try gathered(own)
        return try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ofConversations { () throws(ConversationError) in
                try InstructionDataset(rows, all)
            }
        }
    }

    private func gathered(_ own: EncodedRows) throws(TrainingError) -> EncodedRows {
        guard communicator.size > 1 else { return own }
        var all = EncodedRows()
        for rank in 0..<communicator.size {
            let isOwn = rank == communicator.rank
            var bytes = isOwn ? NumberBytes.bytes(of: own.numbers) : []
            try communicating { () throws(CommunicationError) in
                try communicator.broadcast(bytes: &bytes, from: rank)
            }
            if isOwn {
                all += own
                continue
            }
            guard let numbers = NumberBytes.numbers(of: bytes),
                let rows = EncodedRows(numbers: numbers)
            else {
                throw .user("the rows that rank \(rank) encoded did not arrive whole; run again")
            }
            all += rows
        }
        return all
    }

    private func communicating<Value>(
        _ body: () throws(CommunicationError) -> Value
    ) throws(TrainingError) -> Value {
        do {
            return try body()
        } catch {
            throw .communication(error)
        }
    }
}

/// What `body` gives; what is wrong with conversations as an error of this room.
func ofConversations<Value>(
    _ body: () throws(ConversationError) -> Value
) throws(TrainingError) -> Value {
    do {
        return try body()
    } catch {
        throw .conversation(error)
    }
}
