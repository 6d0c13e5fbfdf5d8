import TestSupport
import Testing

/// LLaMA-Factory's losses of answers, in whole runs.
@Suite struct TokenLossRunTests {
    @Test(arguments: [
        "use_dft_loss=true", "use_eaft_loss=true", "use_asft_loss=true",
        "label_smoothing_factor=0.1",
    ])
    func aModelLearnsByEachLoss(_ loss: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd([loss])
        try folder.tuneToEnd(output: "before", ["max_steps=1"])
        try folder.tuneToEnd(
            output: "after", ["adapter_name_or_path=out", "max_steps=1"])
        #expect(try folder.losses("after")[0] < folder.losses("before")[0])
    }

    @Test func theAnchorHoldsWhatHasLeftTheBase() throws {
        let folder = try TrialFolder.finetuning()
        let step = ["max_steps=1"]
        try folder.tuneToEnd(output: "dft", step + ["use_dft_loss=true"])
        try folder.tuneToEnd(output: "asft", step + ["use_asft_loss=true", "asft_alpha=5"])
        // A new adapter changes nothing yet: there is no divergence.
        #expect(try abs(folder.losses("asft")[0] - folder.losses("dft")[0]) < 1e-5)
        // After some steps it has left the base.
        try folder.tuneToEnd(output: "away", ["max_steps=6"])
        let on = step + ["adapter_name_or_path=away"]
        try folder.tuneToEnd(output: "dft2", on + ["use_dft_loss=true"])
        try folder.tuneToEnd(output: "asft2", on + ["use_asft_loss=true", "asft_alpha=5"])
        #expect(try folder.losses("asft2")[0] > folder.losses("dft2")[0])
    }

    @Test func ranksShareTheLossOfAllTargets() throws {
        let folder = try TrialFolder.finetuning()
        let settings = [
            "max_steps=3", "use_eaft_loss=true", "eaft_alpha=0.5",
        ]
        try folder.tuneToEnd(output: "one", settings + ["per_device_train_batch_size=2"])
        try folder.tuneToEnd(
            output: "two", ranks: 2, settings + ["per_device_train_batch_size=1"])
        for (one, two) in zip(try folder.losses("one"), try folder.losses("two")) {
            // Sums of float32 in another order.
            #expect(abs(one - two) < 1e-5 * one)
        }
    }
}
