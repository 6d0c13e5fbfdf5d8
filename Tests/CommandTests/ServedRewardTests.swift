import Foundation
import Testing

/// Rewards of `stage: grpo` by a reward model and by a server.
@Suite struct ServedRewardTests {
    private static let short = ["max_steps=3", "grpo_reward_weights=2"]

    private func results(_ folder: TrialFolder, _ output: String) throws -> [String: Any] {
        try #require(
            JSONSerialization.jsonObject(with: folder.data("\(output)/all_results.json"))
                as? [String: Any])
    }

    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder.rewarded()
        try folder.add("preference_rewards/score", as: "score")
        try folder.add("proximal_policies/judge", as: "judge")
        return folder
    }

    /// With `stage: ppo` the same texts are written after held-out prompts, and the same model scores them.
    @Test(arguments: [
        ["reward_model=score", "reward_model_type=full"],
        ["reward_model=judge", "reward_model_type=lora", "finetuning_type=lora"],
    ])
    func aRewardModelRewardsAsItJudges(_ settings: [String]) throws {
        let folder = try folder()
        let tries =
            settings + [
                "do_train=false", "do_eval=true", "eval_dataset=data/prompts.json",
                "temperature=1", "top_p=1", "top_k=0",
            ]
        try folder.tuneToEnd(
            output: "group", tries + ["grpo_reward=model", "grpo_reward_weights=1"])
        try folder.tuneToEnd(output: "policy", tries + ["stage=ppo"])
        let rewards = try ["group", "policy"].map {
            try #require(try results(folder, $0)["eval_reward"] as? Double)
        }
        #expect(rewards[0] == rewards[1])
        #expect(try results(folder, "group")["eval_rewards/model/mean"] as? Double == rewards[0])
        #expect(
            try ["group", "policy"].allSatisfy {
                try results(folder, $0)["eval_perplexity"] == nil
            })
    }

    @Test func aRewardModelIsTheSameOnAnyRanks() throws {
        let folder = try folder()
        let settings =
            Self.short + [
                "grpo_reward=model", "reward_model=score", "reward_model_type=full",
                "grpo_num_generations=2",
            ]
        try folder.tuneToEnd(output: "one", settings)
        try folder.tuneToEnd(
            output: "two", ranks: 2, settings + ["gradient_accumulation_steps=1"])
        for name in ["loss", "reward", "rewards/model/mean", "rewards/model/std"] {
            let (one, two) = try (
                folder.figures(name, of: "one"), folder.figures(name, of: "two")
            )
            #expect(one.count == 3 && largestDistance(one, two) < 1e-5, "\(name)")
        }
        #expect(folder.exists("one/training_reward.svg"))
    }

    @Test(arguments: [1, 2]) func aServerRewardsWhatIsWritten(_ ranks: Int) throws {
        let folder = try folder()
        let server = try ScoreServer(in: folder)
        try folder.tuneToEnd(
            ranks: ranks,
            Self.short + [
                "grpo_reward=api:http://127.0.0.1:\(server.port)/v1/score/evaluation",
                "gradient_accumulation_steps=\(2 / ranks)",
            ])
        // A request of each rank in each rollout, of whole texts with their special tokens.
        let requests = server.requests
        #expect(requests.count == 3 * ranks)
        #expect(
            requests.allSatisfy {
                $0.body.contains("\"model\": \"model\"") && $0.body.contains("<|im_start|>user")
            })
        let first = requests.prefix(ranks).flatMap(\.scores)
        #expect(first.count == 8)
        let mean = try folder.figures("rewards/api/mean")[0]
        #expect(abs(mean - first.reduce(0, +) / 8) < 1e-6)
        #expect(abs(try folder.figures("reward")[0] - 2 * mean) < 1e-6)
    }

    @Test(arguments: [
        ("$answer = '{\"scores\": [1]}'", "expected {\"scores\": […]} with 8 numbers"),
        ("($status, $answer) = ('500 Oh', 'broken')", "gave no scores: "),
    ])
    func aServerThatFailsIsNamed(_ answer: String, _ message: String) throws {
        let folder = try folder()
        let server = try ScoreServer(in: folder, answer: answer)
        let address = "http://127.0.0.1:\(server.port)/score"
        let run = try folder.tune(Self.short + ["grpo_reward=api:\(address)"])
        #expect(run.status != 0)
        #expect(run.errors.contains("the reward server '\(address)' "), "\(run.errors)")
        #expect(run.errors.contains(message), "\(run.errors)")
    }
}
