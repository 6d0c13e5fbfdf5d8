extension ConfigurationKey {
    /// The sections in the order in which a configuration is printed and checked.
    static let parts: [(title: String, section: any ConfigurationSection.Type)] = [
        ("model", ModelSection.self),
        ("method", MethodSection.self),
        ("pretraining", PretrainingSection.self),
        ("contrastive", ContrastiveSection.self),
        ("labels", LabelSection.self),
        ("questions", QuestionSection.self),
        ("loss", LossSection.self),
        ("adapter", AdapterSection.self),
        ("peft", PEFTSection.self),
        ("data", DataSection.self),
        ("pairs", TextPairSection.self),
        ("output", OutputSection.self),
        ("train", TrainSection.self),
        ("optimizer", OptimizerSection.self),
        ("evaluation", EvaluationSection.self),
        ("tasks", TaskSection.self),
        ("generation", GenerationSection.self),
        ("export", ExportSection.self),
        ("compute", ComputeSection.self),
        ("quantization", QuantizationSection.self),
        ("preference", PreferenceSection.self),
        ("proximal policy", ProximalPolicySection.self),
        ("reward", RewardSection.self),
        ("group policy", GroupPolicySection.self),
    ]

    /// The sections' keys, in the same order.
    package static let sections: [(title: String, keys: [ConfigurationKey])] = parts.map {
        ($0.title, $0.section.keys)
    }

    /// Every key that some command knows.
    package static let table: [ConfigurationKey] = sections.flatMap(\.keys)

    /// The table by name and by alias.
    static let byName: [String: ConfigurationKey] = Dictionary(
        table.flatMap { key in ([key.name] + key.aliases).map { ($0, key) } },
        uniquingKeysWith: { first, _ in first })
}
