import Autograd
import Distributed
import TextData

/// What trying the held-out samples gave, over all ranks.
struct EvaluationOutcome {
    /// Mean loss over the targets.
    let loss: Double
    let batches: Int
}

extension TrainingLoop {
    /// The mean loss over the held-out samples. Collective; changes nothing.
    func evaluate(_ batches: EvaluationBatches) throws(TrainingError) -> EvaluationOutcome {
        var sums = [0.0, 0.0, 0.0]
        for batch in batches {
            let pass = ForwardPass(workspace: workspace, computeType: store.computeType)
            let loss = model.loss(
                batch.ids, targets: batch.targets, batch: batch.rows, segments: batch.segments,
                in: pass)
            sums[0] += loss.sum
            sums[1] += Double(loss.targets)
            sums[2] += 1
        }
        do {
            try communicator.sum(&sums)
        } catch {
            throw .communication(error)
        }
        return EvaluationOutcome(loss: sums[0] / max(sums[1], 1), batches: Int(sums[2]))
    }
}
