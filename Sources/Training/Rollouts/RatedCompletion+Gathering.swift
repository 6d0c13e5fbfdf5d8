import Distributed
import TextData

extension [RatedCompletion] {
    /// All ranks', in the order of their places. Collective.
    func gathered(over communicator: any Communicator) throws(TrainingError) -> [RatedCompletion] {
        guard communicator.size > 1 else { return self }
        let numbers: [Float]
        do throws(CommunicationError) {
            numbers = try communicator.allGather(RolloutRecord.packed(self)).numbers
        } catch {
            throw .communication(error)
        }
        guard let all = RolloutRecord.unpacked(numbers) else {
            throw .user("the completions of some rank did not arrive whole; run again")
        }
        return all
    }
}
