import Distributed
import TextData

extension CorpusError {
    /// Ends the run where no other rank need have met the error: they would wait for this one, and
    /// only rank 0 tells what all have together.
    func endIfAlone(_ communicator: any Communicator, step: Int?) {
        guard isOfOneRank else { return }
        FatalExit.alone(
            communicator, step: step, cause: description,
            advice: "then run again to resume from the last checkpoint")
    }
}
