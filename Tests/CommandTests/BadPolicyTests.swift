import Foundation
import TestSupport
import Testing

/// Mistakes with `stage: ppo`: one line, status 2, nothing written, on all ranks alike.
@Suite struct BadPolicyTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let message: String
        let arguments: [String]
        var testDescription: String { message }

        static let lora = ["finetuning_type=lora", "reward_model_type=lora"]
        static let all = [
            Case(
                message:
                    "reward_model 'model': found no adapter, expected a folder with "
                    + "adapter_config.json that stage: rm has left; for a whole model set "
                    + "reward_model_type: full",
                arguments: lora + ["reward_model=model"]),
            Case(
                message:
                    "reward_model 'headless' has no value head: found no value_head.safetensors in "
                    + "it, expected the folder that stage: rm has left",
                arguments: lora + ["reward_model=headless"]),
            Case(
                message: "reward_model 'bare' has no value head",
                arguments: ["reward_model=bare"]),
            Case(message: "model 'none' does not exist", arguments: ["reward_model=none"]),
            Case(message: "model 'none' does not exist", arguments: ["ref_model=none"]),
            Case(
                message:
                    "reward_model_type: lora puts the reward model's adapter on the run's own base, "
                    + "but the run trains model.layers.0.input_layernorm.weight whole",
                arguments: lora + ["reward_model=judge", "additional_target=norm"]),
            Case(
                message: "max_new_tokens is 400 and the longest prompt has",
                arguments: ["max_new_tokens=400"]),
        ]
    }

    @Test(arguments: Case.all, [1, 2])
    func aMistakeIsToldInOneLine(_ mistake: Case, _ ranks: Int) throws {
        let folder = try TrialFolder.policies()
        try folder.add("preferences/adapter", as: "headless")
        try folder.add("finetuning/model", as: "bare")
        let run = try folder.tune(ranks: ranks, ["dataset=prompts"] + mistake.arguments)
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.count == 1)
        #expect(run.messages.allSatisfy { $0.hasPrefix(mistake.message) }, "\(run.messages)")
        #expect(!folder.exists("out/trainer_log.jsonl"))
    }

    /// Nobody listens there.
    @Test(arguments: [1, 2]) func aServerThatDoesNotAnswerEndsTheRun(_ ranks: Int) throws {
        let folder = try TrialFolder.policies()
        let run = try folder.tune(
            ranks: ranks,
            [
                "dataset=prompts", "reward_model=http://127.0.0.1:9/score",
                "reward_model_type=api", "max_new_tokens=2",
            ])
        #expect(run.status == 1)
        let message = "the reward server 'http://127.0.0.1:9/score' gave no scores"
        #expect(run.errors.contains(message), "\(run.errors)")
    }
}
