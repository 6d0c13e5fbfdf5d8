extension ConfigurationKey {
    /// The sections in the order in which a configuration is printed.
    package static let sections: [(title: String, keys: [ConfigurationKey])] = [
        ("model", ModelSection.keys),
        ("method", MethodSection.keys),
        ("loss", LossSection.keys),
        ("adapter", AdapterSection.keys),
        ("data", DataSection.keys),
        ("output", OutputSection.keys),
        ("train", TrainSection.keys),
        ("evaluation", EvaluationSection.keys),
        ("generation", GenerationSection.keys),
        ("export", ExportSection.keys),
        ("compute", ComputeSection.keys),
        ("quantization", QuantizationSection.keys),
        ("preference", PreferenceSection.keys),
    ]

    /// Every key that some command knows.
    package static let table: [ConfigurationKey] = sections.flatMap(\.keys)

    /// The table by name and by alias.
    static let byName: [String: ConfigurationKey] = Dictionary(
        table.flatMap { key in ([key.name] + key.aliases).map { ($0, key) } },
        uniquingKeysWith: { first, _ in first })
}
