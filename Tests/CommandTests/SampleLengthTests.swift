import Foundation
import Testing

/// `cutoff_len` that was not given, with a model of fewer positions than its default.
@Suite struct SampleLengthTests {
    private static let notice =
        "cutoff_len: 2048, its default, became 256: the model has 256 positions; set cutoff_len for "
        + "other samples"

    @Test func samplesAreAsLongAsTheModelTakesUnlessTheirLengthWasGiven() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "given", ["max_steps=3"])
        let run = try folder.tuneToEnd(output: "fitted", ["max_steps=3", "cutoff_len="])
        #expect(run.says(Self.notice))
        #expect(try folder.losses("fitted") == folder.losses("given"))
        let resumed = try folder.tuneToEnd(output: "fitted", ["max_steps=4", "cutoff_len="])
        #expect(resumed.says("resuming from fitted/checkpoint-3.h5"), "\(resumed.errors)")
        let refused = try folder.tune(output: "long", ["cutoff_len=257"])
        #expect(refused.status == 2)
        #expect(
            refused.messages == [
                "cutoff_len is 257 but the model is made for 256 positions (config.json); lower "
                    + "cutoff_len"
            ])
        #expect(!folder.exists("long"))
    }

    /// The default length is what positions are stretched to.
    @Test func stretchedPositionsAreTold() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd(["max_steps=1", "cutoff_len=", "rope_scaling=linear"])
        #expect(
            run.says(
                "rope_scaling: linear by a factor of 8: the model's 256 positions became 2048, for "
                    + "cutoff_len 2048"), "\(run.errors)")
        #expect(!run.says("its default, became"))
    }

    @Test func preparedExamplesAreThoseOfTheRun() throws {
        let folder = try TrialFolder.finetuning()
        let kept = ["tokenized_path=kept", "cutoff_len=", "max_steps=2"]
        let prepared = try folder.run(["prepare", "run.yaml"] + kept)
        // What a preparation found is its output.
        #expect(prepared.status == 0 && prepared.output.contains(Self.notice), "\(prepared)")
        let run = try folder.tuneToEnd(kept)
        #expect(run.says("examples read from kept"), "\(run.errors)")
    }

    @Test func benchAndPlanMeasureTheSameSamples() throws {
        let folder = try TrialFolder()
        let fewer = "cutoff_len: 2048, its default, became 64: the model has 64 positions"
        for command in [
            ["bench", "step", "run.yaml", "--steps", "1"],
            ["plan", "run.yaml", "--nodes", "2", "--steps", "1", "--save-constants", "c.json"],
            ["plan", "run.yaml", "--nodes", "2", "--constants", "c.json"],
        ] {
            let run = try folder.run(command + ["cutoff_len="])
            #expect(run.status == 0 && run.says(fewer), "\(command) \(run.errors)")
        }
        let constants = try #require(
            JSONSerialization.jsonObject(with: folder.data("c.json")) as? [String: Any])
        #expect((constants["work"] as? [String: Any])?["length"] as? Int == 64)
    }
}
