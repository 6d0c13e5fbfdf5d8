/// Keys of preference training and reward models: details of stages that are refused by `stage`.
enum PreferenceSection: ConfigurationSection {
    static let keys = ConfigurationKey.joined(
        .dormant([
            "pref_beta", "pref_ftx", "pref_bco_weight", "pref_loss", "dpo_label_smoothing",
            "kto_chosen_weight", "kto_rejected_weight", "simpo_gamma", "ld_alpha",
            "ppo_buffer_size", "ppo_epochs", "ppo_score_norm", "ppo_target",
            "ppo_whiten_rewards", "ref_model", "ref_model_adapters",
            "ref_model_quantization_bit", "reward_model", "reward_model_adapters",
            "reward_model_quantization_bit", "reward_model_type",
        ]))
}
