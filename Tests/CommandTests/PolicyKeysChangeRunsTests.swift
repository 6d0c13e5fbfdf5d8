import Foundation
import Testing

/// Keys of `stage: ppo`: a run shows each of them.
@Suite struct PolicyKeysChangeRunsTests {
    private static let base = [
        "dataset=prompts", "max_steps=4", "ppo_epochs=1", "max_new_tokens=4",
        "per_device_train_batch_size=2", "gradient_accumulation_steps=1", "warmup_steps=0",
        "learning_rate=1e-2", "save_strategy=no",
    ]
    private static let drawing = ["do_sample=true", "temperature=1", "top_p=1", "top_k=0"]

    private func traces(_ settings: [String]) throws -> String {
        let folder = try TrialFolder.policies()
        try folder.tuneToEnd(Self.base + settings)
        let names = [
            "loss", "reward", "objective/kl", "objective/kl_coef", "ppo/mean_scores",
            "ppo/returns/var", "tokens/responses_len_mean",
        ]
        return try names.map { "\($0) \(try folder.figures($0))" }.joined(separator: "\n")
    }

    @Test(
        arguments: [
            ([], ["ppo_epochs=2"]), ([], ["ppo_buffer_size=2"]), ([], ["ppo_score_norm=true"]),
            ([], ["ppo_target=0.01"]), ([], ["ppo_whiten_rewards=true"]),
            ([], ["reward_model=model"]), (["reward_model=model"], ["reward_model_adapters=judge"]),
            (
                ["finetuning_type=lora", "reward_model=model"],
                ["reward_model=judge", "reward_model_type=lora"]
            ),
            ([], ["ref_model=model", "ref_model_adapters=adapter"]), ([], ["max_new_tokens=6"]),
            ([], drawing), (drawing, ["temperature=3"]), (drawing, ["top_k=2"]),
            (drawing, ["top_p=0.1"]), ([], ["repetition_penalty=5"]), (drawing, ["seed=7"]),
        ] as [([String], [String])])
    func aKeyThatIsHonouredIsSeenInARun(_ beside: [String], _ change: [String]) throws {
        #expect(try traces(beside) != traces(beside + change), "\(beside) \(change)")
    }
}
