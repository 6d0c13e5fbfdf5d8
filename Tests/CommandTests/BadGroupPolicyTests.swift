import Foundation
import TestSupport
import Testing

/// Mistakes of `stage: grpo`: one line, status 2, nothing written, on all ranks alike.
@Suite struct BadGroupPolicyTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let message: String
        let arguments: [String]
        var testDescription: String { message }

        static let all = [
            Case(
                message:
                    "grpo_reward: found 'exact', expected one of exact_match, numeric, contains, "
                    + "json, think_format, length, regex:PATTERN, command:PROGRAM, api:ADDRESS, "
                    + "model",
                arguments: ["grpo_reward=exact", "grpo_reward_weights=1"]),
            Case(
                message: "grpo_reward: found the pattern '(', expected a regular expression behind "
                    + "regex:",
                arguments: ["grpo_reward=regex:(", "grpo_reward_weights=1"]),
            Case(
                message:
                    "the reward server 'https://judge/v1' cannot be asked: 'https://judge/v1' is "
                    + "no address that can be asked; expected http://HOST[:PORT]/PATH",
                arguments: ["grpo_reward=api:https://judge/v1", "grpo_reward_weights=1"]),
            Case(
                message: "reward_model is missing: give what scores answers",
                arguments: ["grpo_reward=model", "grpo_reward_weights=1"]),
            Case(
                message: "reward_model 'model' has no value head",
                arguments: [
                    "grpo_reward=model", "grpo_reward_weights=1", "reward_model=model",
                    "reward_model_type=full",
                ]),
            Case(
                message: "the reference is the model that the run begins with, which "
                    + "train_from_scratch draws",
                arguments: ["grpo_beta=0.1", "train_from_scratch=true"]),
            Case(
                message:
                    "grpo_reward_weights, grpo_reward: 1 weights for 2 rewards, expected one for "
                    + "each",
                arguments: ["grpo_reward=json,length", "grpo_reward_weights=1"]),
            Case(
                message:
                    "a rank's completions of a step, 4 times 2, must be a multiple of the 3 of "
                    + "each prompt",
                arguments: ["grpo_num_generations=3"]),
            Case(
                message: "completions of a prompt would all be the same, with nothing to tell them "
                    + "apart; draw them with do_sample: true and a temperature above 0",
                arguments: ["do_sample=false"]),
            Case(
                message: "grpo_reward numeric compares with right answers, but no row has a column "
                    + "'gold' (grpo_answer); name the column that holds them in grpo_answer",
                arguments: ["grpo_reward=numeric", "grpo_reward_weights=1", "grpo_answer=gold"]),
            Case(
                message: "max_new_tokens is 250 and the longest prompt has",
                arguments: ["max_new_tokens=250"]),
            Case(
                message:
                    "without a divergence nothing is compared with a reference; set grpo_beta, or "
                    + "leave it out",
                arguments: ["ref_model=model"]),
            Case(
                message:
                    "it is not for stage: grpo, where each completion has its own row; leave it out",
                arguments: ["packing=true"]),
            Case(
                message:
                    "balance, stage: it is not for stage: grpo, where each rank learns from the "
                    + "completions that it has written; leave it out",
                arguments: ["balance=true"]),
        ]
    }

    @Test(arguments: Case.all, [1, 2])
    func aMistakeIsToldInOneLine(_ mistake: Case, _ ranks: Int) throws {
        let folder = try TrialFolder.rewarded()
        let run = try folder.tune(ranks: ranks, mistake.arguments)
        #expect(run.status == 2)
        #expect(run.errors.contains(mistake.message), "\(run.errors)")
        #expect(!folder.exists("out/trainer_log.jsonl"))
    }
}
