import Foundation
import TestSupport
import Testing

/// Optimizers of whole matrices in runs: on several ranks, in checkpoints, with bad settings.
@Suite struct OptimizerRunTests {
    /// Settings of each, whose projections are made anew twice in 12 steps.
    static let optimizers: [[String]] = [
        ["use_muon=true"],
        ["optim=muon", "optim_args=lr=0.02,adjust_lr_fn=original"],
        ["use_adam_mini=true"],
        ["use_badam=true", "badam_switch_interval=3"],
        ["use_badam=true", "badam_switch_mode=random", "badam_switch_interval=2"],
        ["use_galore=true", "galore_rank=4", "galore_update_interval=5", "galore_scale=1"],
        ["use_apollo=true", "apollo_rank=4", "apollo_update_interval=5", "apollo_scale=4"],
        [
            "optim=apollo_adamw", "optim_target_modules=self_attn,mlp",
            "optim_args=rank=1,scale=128,scale_type=tensor,update_proj_gap=5",
        ],
    ]

    private static let common = ["lr_scheduler_type=constant", "warmup_steps=0"]

    @Test(arguments: optimizers)
    func aRunIsTheSameOnAnyNumberOfRanksAndAfterResuming(_ optimizer: [String]) throws {
        let folder = try TrialFolder()
        let settings = Self.common + optimizer
        try folder.trainToEnd(output: "one", settings)
        let expected = try folder.losses("one")
        // Between tables of random numbers that stay as they are, layers learn little.
        let share = optimizer[0] == "use_badam=true" ? 1 : 0.95
        #expect(expected.count == 12 && expected[11] < share * expected[0], "\(expected)")
        // Where BAdam goes on to another layer, Adam begins anew: its first step is the rate times the sign of each
        // gradient, so that the rounding of one near zero moves its weight by up to two rates.
        let bound = optimizer[0] == "use_badam=true" ? 4e-5 : 1e-5
        for (ranks, stage) in [(2, 1), (3, 1), (2, 0)] {
            let output = "on\(ranks)-\(stage)"
            try folder.trainToEnd(ranks: ranks, output: output, settings + ["zero_stage=\(stage)"])
            let difference = largestDifference(try folder.losses(output), expected)
            #expect(difference < bound, "\(ranks) ranks, zero_stage \(stage)")
        }
        try folder.trainToEnd(output: "parts", settings + ["max_steps=7", "save_steps=7"])
        try folder.trainToEnd(
            ranks: 1, output: "parts", settings + ["resume_from_checkpoint=true"])
        try expectSameRun(folder, "parts", "one", step: 12)
    }

    /// Sums by a tree are the same on 1, 2 and 4 ranks, and so is what is made of them.
    @Test(arguments: optimizers)
    func deterministicRunsHaveEqualBitsOnOneAndTwoRanks(_ optimizer: [String]) throws {
        let folder = try TrialFolder()
        func settings(ranks: Int) -> [String] {
            Self.common + optimizer
                + ["deterministic=true", "per_device_train_batch_size=\(16 / ranks)"]
        }
        try folder.trainToEnd(output: "one", settings(ranks: 1))
        try folder.trainToEnd(ranks: 2, output: "two", settings(ranks: 2))
        try expectSameRun(folder, "two", "one", step: 12)
        // State that was written by two ranks goes on on one.
        try folder.trainToEnd(
            ranks: 2, output: "parts", settings(ranks: 2) + ["max_steps=7", "save_steps=7"])
        try folder.trainToEnd(
            output: "parts", settings(ranks: 1) + ["resume_from_checkpoint=true"])
        try expectSameRun(folder, "parts", "one", step: 12)
    }

    /// A block at a time is summed, and backward ends at it; the rest stays as it was.
    @Test(arguments: [1, 2])
    func blocksAreTrainedInTurn(ranks: Int) throws {
        let folder = try TrialFolder()
        let settings = Self.common + ["use_badam=true", "badam_switch_interval=2", "save_steps=1"]
        let run = try folder.train(ranks: ranks, output: "out", settings + ["max_steps=4"])
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.says("BAdam trains 2 blocks in turn (ascending), 2 steps each"))
        let states = try (1...4).map { try folder.state("out", step: $0) }
        for (step, state) in zip(1...4, states) {
            let kept = Set(state.firstMoment.map(\.name))
            let block = "model.layers.\((step - 1) / 2)."
            #expect(!kept.isEmpty && kept.allSatisfy { $0.hasPrefix(block) }, "step \(step)")
        }
        for (first, second) in zip(states, states.dropFirst()) {
            let block = "model.layers.\((second.step - 1) / 2)."
            for (old, new) in zip(first.model, second.model) {
                #expect((old.values != new.values) == old.name.hasPrefix(block), "\(old.name)")
            }
        }
    }

    @Test func aBlockThatIsNotThereIsRefused() throws {
        let folder = try TrialFolder()
        let run = try folder.train(
            output: "out", ["use_badam=true", "badam_switch_mode=fixed", "badam_start_block=2"])
        #expect(run.status == 2 && !folder.exists("out"))
        #expect(run.says("badam_start_block: found 2, expected a block from 0 to 1"))
    }

    @Test func stateOfOtherSettingsIsNotGoneOnFrom() throws {
        let folder = try TrialFolder()
        let settings = Self.common + ["use_apollo=true", "apollo_rank=4", "max_steps=2"]
        try folder.trainToEnd(output: "out", settings + ["save_steps=2"])
        let run = try folder.train(
            output: "out",
            settings + ["apollo_rank=2", "max_steps=4", "resume_from_checkpoint=true"])
        #expect(run.status == 2)
        #expect(
            run.says(
                "keeps (32, 2) as it is set now; restore its settings, choose another output_dir"),
            "\(run.errors)")
    }

    @Test(arguments: [1, 2])
    func aTargetThatMeansNothingIsRefused(ranks: Int) throws {
        let folder = try TrialFolder()
        let run = try folder.train(
            ranks: ranks, output: "out", ["use_galore=true", "galore_target=self_attn,mpl"])
        #expect(run.status == 2)
        #expect(
            run.says(
                "galore_target: mpl means no linear layer that is trained; there are "
                    + "down_proj, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj"),
            "\(run.errors)")
        #expect(!folder.exists("out"))
    }

    /// transformers' all-linear means the head too, where it has weights of its own; LLaMA-Factory's all does not.
    @Test(arguments: [
        (["optim=galore_adamw", "optim_target_modules=all-linear"], 15),
        (["optim=galore_adamw", "optim_target_modules=mlp,lm_head"], 7),
        (["use_galore=true"], 14),
    ])
    func theHeadIsALinearLayer(_ settings: [String], _ count: Int) throws {
        let folder = try TrialFolder()
        let run = try folder.train(settings + ["max_steps=2"])
        #expect(run.status == 0 && run.says("GaLore projects \(count) matrices"), "\(run.errors)")
    }
}
