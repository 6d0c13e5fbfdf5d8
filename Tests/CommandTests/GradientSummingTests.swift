import Foundation
import Testing

/// How gradients travel and when they are summed changes no loss beyond its rounding.
@Suite struct GradientSummingTests {
    private static func division(ranks: Int, accumulation: Int, zeroStage: Int) -> [String] {
        [
            "max_steps=30", "save_strategy=no", "gradient_accumulation_steps=\(accumulation)",
            "zero_stage=\(zeroStage)",
            "per_device_train_batch_size=\(12 / ranks / accumulation)",
        ]
    }

    /// bfloat16 keeps 8 bits of a gradient; its errors have no direction, so losses stay together.
    @Test func lossesWithBFloat16OnTheWireFollowThoseWithFloat32() throws {
        let folder = try TrialFolder()
        for (ranks, accumulation, zeroStage) in [(2, 1, 0), (2, 2, 1), (3, 1, 1)] {
            let settings = Self.division(
                ranks: ranks, accumulation: accumulation, zeroStage: zeroStage)
            try folder.trainToEnd(ranks: ranks, output: "fp32", settings)
            let expected = try folder.losses("fp32")
            for overlap in [true, false] {
                let output = "bf16-\(overlap)"
                try folder.trainToEnd(
                    ranks: ranks, output: output,
                    settings + ["wire_precision=bf16", "overlap_communication=\(overlap)"])
            }
            let losses = try folder.losses("bf16-true")
            #expect(losses.count == 30)
            #expect(losses[29] < 0.8 * losses[0], "the model learns")
            let difference = largestDifference(losses, expected)
            #expect(difference < 0.005, "\(ranks) ranks, zero_stage \(zeroStage)")
            #expect(difference > 1e-9, "nothing was rounded on \(ranks) ranks")
            let others = try folder.losses("bf16-false")
            #expect(losses == others, "overlap changes losses")
            for output in ["fp32", "bf16-true", "bf16-false"] { try folder.remove(output) }
        }
    }

    /// fp16 learns of too large a loss scale by infinities, which must survive the wire.
    @Test func infinitiesOnTheWireLowerTheLossScale() throws {
        let folder = try TrialFolder()
        let settings = ["fp16=true", "loss_scale_init=1e30", "max_skipped_steps=200"]
        for wire in ["fp32", "bf16"] {
            try folder.trainToEnd(
                ranks: 2, output: wire, settings + ["wire_precision=\(wire)", "max_steps=8"])
        }
        let scales = try folder.log("bf16").map(\.lossScale)
        #expect(try folder.log("fp32").map(\.lossScale) == scales)
        #expect((scales.last ?? 0) ?? 0 < 1e30, "\(scales)")
    }

    /// A wide table of which a step names few rows, tied to the logits or not.
    @Test(arguments: [true, false])
    func lookupsSummedRowByRowGiveTheLossesOfOneRank(isTied: Bool) throws {
        let folder = try TrialFolder()
        try folder.write(
            "wide/config.json",
            TrialFolder.llama(["vocab_size": 4096, "tie_word_embeddings": isTied]))
        let model = ["model_name_or_path=wide"]
        try folder.trainToEnd(
            output: "whole", Self.division(ranks: 1, accumulation: 1, zeroStage: 0) + model)
        let expected = try folder.losses("whole")
        #expect(expected[29] < 0.8 * expected[0], "the model learns")
        for (ranks, accumulation, zeroStage) in [(2, 1, 0), (2, 3, 1), (3, 2, 0), (4, 1, 1)] {
            let settings =
                Self.division(ranks: ranks, accumulation: accumulation, zeroStage: zeroStage)
                + model
            for overlap in [true, false] {
                try folder.trainToEnd(
                    ranks: ranks, output: "\(overlap)",
                    settings + ["overlap_communication=\(overlap)", "overwrite_output_dir=true"])
            }
            let losses = try folder.losses("true")
            let difference = largestDifference(losses, expected)
            #expect(difference < 1e-5, "\(ranks) ranks, zero_stage \(zeroStage)")
            let others = try folder.losses("false")
            #expect(losses == others, "overlap changes losses")
        }
    }

    @Test func theRunSaysWhenGradientsAreSummedAndWhy() throws {
        let folder = try TrialFolder()
        func note(_ settings: [String]) throws -> String {
            let run = try folder.train(
                ranks: 2, settings + ["max_steps=1", "overwrite_output_dir=true"])
            try #require(run.status == 0, "\(run.errors)")
            let lines = run.errors.split(separator: "\n").filter {
                $0.contains("gradients are summed")
            }
            #expect(lines.count == 1, "\(run.errors)")
            return lines.first.map(String.init) ?? ""
        }
        #expect(try note([]).contains("products and a sum took"))
        #expect(
            try note(["overlap_communication=true", "wire_precision=bf16"]).hasSuffix(
                "while backward goes on (overlap_communication); they travel as bfloat16"))
        #expect(
            try note(["overlap_communication=false"]).hasSuffix(
                "after backward (overlap_communication); each rank updates its share "
                    + "(zero_stage 1)"))
        #expect(
            try note(["overlap_communication=false", "zero_stage=0"]).hasSuffix(
                "after backward (overlap_communication)"))
        #expect(
            try note(["deterministic=true"]).hasSuffix(
                "after backward (deterministic adds up whole samples)"))
    }
}
