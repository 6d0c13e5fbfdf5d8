import Foundation
import Testing

/// Keys of `stage: dpo`, `kto`, `rm` and `grpo`, and of `objective: contrastive`: a run shows each of them.
@Suite struct PreferenceKeysChangeRunsTests {
    private typealias Changes = [([String], [String])]

    private static let short = [
        "max_steps=3", "warmup_steps=0", "learning_rate=1e-2", "save_strategy=no",
    ]

    /// All that a run's log tells but times, and the files that it leaves.
    private func traces(_ folder: TrialFolder, _ output: String) throws -> String {
        let names = ["loss", "grad_norm", "lr", "kl"]
        let known = try folder.logLines(output).map { line in
            let own = line.keys.filter { key in
                names.contains(key) || key.hasPrefix("reward")
                    || key.contains("/") && !key.hasPrefix("seconds")
            }
            return own.sorted().map { "\($0) \(line[$0] ?? "")" }.joined(separator: " ")
        }
        let kept = ["kept", output, "\(output)/reference"].map { folder.names($0) }
        return "\(known) \(kept)"
    }

    private func expectChange(
        _ folder: () throws -> TrialFolder, _ base: [String], _ change: [String]
    ) throws {
        var found: [String] = []
        for settings in [base, base + change] {
            let folder = try folder()
            try folder.tuneToEnd(Self.short + settings)
            found.append(try traces(folder, "out"))
        }
        #expect(found[0] != found[1], "\(base) \(change)")
    }

    private static let lora = PreferenceRunTests.Case.lora

    @Test(
        arguments: [
            ([], ["pref_beta=0.5"]), ([], ["pref_loss=hinge"]), ([], ["pref_loss=ipo"]),
            ([], ["pref_loss=kto_pair"]), ([], ["pref_loss=orpo"]), ([], ["pref_loss=simpo"]),
            ([], ["pref_ftx=0.5"]), ([], ["pref_bco_weight=0.5"]),
            ([], ["dpo_label_smoothing=0.2"]), (["pref_loss=simpo"], ["simpo_gamma=1"]),
            ([], ["ld_alpha=0.4"]), (lora, ["ref_model=model"]),
            (lora + ["ref_model=model"], ["ref_model_adapters=adapter"]),
            ([], ["precompute_ref_path=kept"]), ([], ["cutoff_len=48"]),
            (["stage=kto", "dataset=kto"], ["kto_chosen_weight=0.5"]),
            (["stage=kto", "dataset=kto"], ["kto_rejected_weight=0.5"]),
            (["stage=kto", "dataset=kto"], ["pref_beta=0.5"]),
            (["stage=kto", "dataset=kto"], ["pref_ftx=0.5"]),
            (["stage=rm", "val_size=4"], ["do_predict=true", "do_train=true"]),
            (["stage=rm"], ["cutoff_len=48"]), (["stage=rm"], ["seed=7"]),
        ] as Changes)
    func aKeyOfPreferencesIsSeenInARun(_ base: [String], _ change: [String]) throws {
        try expectChange(TrialFolder.preferences, base, change)
    }

    private static let passes = ["grpo_iterations=3"]
    private static let answers = ["grpo_reward=contains,length", "grpo_reward_weights=1,0.5"]

    @Test(
        arguments: [
            ([], ["grpo_num_generations=2"]), ([], ["grpo_beta=0.1"]),
            (passes, ["grpo_epsilon=1e-4"]),
            (passes, ["grpo_epsilon_high=1e-4"]), ([], ["grpo_loss=grpo"]),
            ([], ["grpo_loss=bnpo"]), ([], ["grpo_loss=dr_grpo"]),
            (passes, ["grpo_loss=cispo", "grpo_epsilon_high=0.5"]), (passes, ["grpo_loss=gspo"]),
            ([], ["grpo_scale_rewards=batch"]), ([], ["grpo_scale_rewards=none"]),
            ([], passes), ([], ["grpo_mask_truncated=true"]), ([], answers),
            (answers, ["grpo_reward_weights=1,2"]), (answers, ["grpo_answer=input"]),
            ([], ["grpo_log_completions=0"]), ([], ["temperature=2"]), ([], ["top_p=0.5"]),
            ([], ["top_k=3"]), ([], ["max_new_tokens=6"]), ([], ["seed=7"]),
            (["grpo_beta=0.1"], ["ref_model=model", "ref_model_adapters=adapter"]),
        ] as Changes)
    func aKeyOfRewardsIsSeenInARun(_ base: [String], _ change: [String]) throws {
        try expectChange(TrialFolder.rewarded, base, change)
    }

    @Test(
        arguments: [
            ([], ["contrastive_temperature=0.5"]), ([], ["contrastive_symmetric=true"]),
            ([], ["pooling_mode=cls"]), ([], ["pooling_mode=lasttoken"]),
            (["dataset=table.tsv"], ["contrastive_mask_duplicates=true"]),
            (["dataset=table.tsv"], ["hard_negative_weight=0.5"]),
            (["dataset=table.tsv"], ["text_column_names=answer,query"]),
        ] as Changes)
    func aKeyOfVectorsIsSeenInARun(_ base: [String], _ change: [String]) throws {
        try expectChange(
            {
                let folder = try ContrastiveRunTests.folder()
                try folder.copy("contrast.yaml", to: "contrast-run.yaml")
                try folder.remove("run.yaml")
                try folder.copy("contrast-run.yaml", to: "run.yaml")
                return folder
            }, base, change)
    }
}
