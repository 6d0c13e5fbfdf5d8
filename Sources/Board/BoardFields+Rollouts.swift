import Files

/// Of stages in which the model writes what it learns from.
extension BoardFields {
    /// How answers are written while they are learned from.
    static let rollouts = BoardGroup(
        "rollouts", "How answers are written", "生成参数",
        when: .init(field: "train.training_stage", values: ["PPO", "GRPO"]),
        [
            BoardField(
                "train.max_new_tokens", .number, .string("512"), key: "max_new_tokens",
                "New tokens at most", "最大生成长度"),
            BoardField(
                "train.temperature", .number, .string("1.0"), key: "temperature", "Temperature",
                "温度系数"),
            BoardField("train.top_p", .number, .string("1.0"), key: "top_p", "Top-p", "Top-p 采样值"),
            BoardField("train.top_k", .number, .string("0"), key: "top_k", "Top-k", "Top-k 采样值"),
        ])

    static let proximalPolicy = BoardGroup(
        "ppo", "PPO", "PPO 参数设置",
        when: .init(field: "train.training_stage", values: ["PPO"]),
        [
            BoardField(
                "train.reward_model", .path, .string(""), key: "reward_model", "Reward model",
                "奖励模型"),
            BoardField(
                "train.reward_model_type", .choice(["lora", "full"]), .string("lora"),
                key: "reward_model_type", "The reward model is an adapter (lora) or whole (full)",
                "奖励模型类型"),
            BoardField(
                "train.ppo_epochs", .number, .string("4"), key: "ppo_epochs",
                "Passes over a rollout", "每批轮数"),
            BoardField(
                "train.ppo_target", .number, .string("6.0"), key: "ppo_target",
                "Distance from the reference", "目标 KL"),
            BoardField(
                "train.ppo_score_norm", .toggle, .bool(false), key: "ppo_score_norm",
                "Normalize scores", "归一化分数"),
            BoardField(
                "train.ppo_whiten_rewards", .toggle, .bool(false), key: "ppo_whiten_rewards",
                "Whiten rewards", "白化奖励"),
        ])

    static let groupPolicy = BoardGroup(
        "grpo", "GRPO", "GRPO 参数设置",
        when: .init(field: "train.training_stage", values: ["GRPO"]),
        [
            BoardField(
                "train.grpo_num_generations", .number, .string("8"), key: "grpo_num_generations",
                "Answers to a prompt", "每个提示的回答数"),
            BoardField(
                "train.grpo_reward", .text, .string(""), key: "grpo_reward",
                "Rewards (exact_match, numeric, …)", "奖励函数"),
            BoardField(
                "train.grpo_reward_weights", .text, .string(""), key: "grpo_reward_weights",
                "Weights of the rewards", "奖励权重"),
            BoardField(
                "train.grpo_answer", .text, .string(""), key: "grpo_answer",
                "Column of right answers", "正确答案列"),
            BoardField(
                "train.grpo_loss",
                .choice(["dapo", "grpo", "bnpo", "dr_grpo", "cispo", "gspo"]), .string("dapo"),
                key: "grpo_loss", "Loss", "损失类型"),
            BoardField(
                "train.grpo_beta", .number, .string("0"), key: "grpo_beta",
                "Weight of the distance from the reference (β)", "Beta 参数"),
        ])
}
