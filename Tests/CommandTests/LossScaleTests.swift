import Foundation
import Testing

@Suite struct LossScaleTests {
    private let overflowing = [
        "precision=fp16", "loss_scale_init=134217728", "loss_scale_window=4", "save_steps=1",
        "max_grad_norm=1",
    ]

    @Test(arguments: [1, 2])
    func anOverflowHalvesTheScaleAndSkipsTheStepOnAllRanks(_ ranks: Int) throws {
        let folder = try TrialFolder()
        let run = try folder.train(ranks: ranks, overflowing + ["max_steps=60"])
        #expect(run.status == 0, "\(run.errors)")
        let log = try folder.log()
        let scales = log.compactMap(\.lossScale)
        #expect(scales.first == 0x1p27)
        let skipped = run.errors.split(separator: "\n").filter {
            $0.contains("skipped on all ranks")
        }
        #expect(skipped.count > 3)
        for (scale, next) in zip(scales, scales.dropFirst()) {
            #expect([scale / 2, scale, scale * 2].contains(next))
        }
        for number in 0..<skipped.count where number < 4 {
            #expect(skipped[number].contains("loss scale now \(0x1p26 / Double(1 << number))"))
            // Weights and moments are as they were: checkpoints hold the first ones still.
            #expect(
                try folder.state(step: number + 1).model == folder.state(step: 1).model)
            #expect(try folder.state(step: number + 1).metadata.optimizerSteps == 0)
        }
        #expect(try folder.losses().last! < 0.9 * folder.losses().first!, "training goes on")
    }

    @Test func ranksThatSkippedTogetherHoldTheWeightsThatOneRankHas() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(ranks: 1, output: "one", overflowing + ["max_steps=40"])
        try folder.trainToEnd(ranks: 2, output: "two", overflowing + ["max_steps=40"])
        #expect(try folder.log("one").map(\.lossScale) == folder.log("two").map(\.lossScale))
        #expect(largestDifference(try folder.losses("two"), try folder.losses("one")) < 0.01)
    }

    @Test func theScaleContinuesAfterResuming() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(ranks: 2, output: "whole", overflowing + ["max_steps=40"])
        let inspection = try folder.run(["inspect", "whole/checkpoint-7.h5"])
        let scale = try folder.log("whole")[7].lossScale!
        #expect(inspection.output.contains("loss scale \(scale) after "))
        try folder.trainToEnd(
            ranks: 2,
            overflowing + ["max_steps=40", "resume_from_checkpoint=whole/checkpoint-7.h5"])
        #expect(try folder.log().first?.lossScale == scale)
        try expectSameRun(folder, "out", "whole", step: 40, from: 8)
    }

    @Test func aRunThatOverflowsAtTheSmallestScaleStops() throws {
        let folder = try TrialFolder()
        let run = try folder.train([
            "precision=fp16", "loss_scale_init=1e15", "loss_scale_min=1e15", "max_skipped_steps=3",
        ])
        #expect(run.status == 1)
        #expect(run.messages.count == 1)
        #expect(run.messages.first?.hasPrefix("step 3: training diverged: on rank 0 (") == true)
    }
}
