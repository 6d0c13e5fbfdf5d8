/// How vectors of texts are learned: `objective: contrastive`.
package struct ContrastiveSection: Sendable {
    /// What stands for a text, named as in sentence-transformers' folders.
    package enum Pooling: String, CaseIterable, Sendable {
        case first = "cls"
        case mean
        case last = "lasttoken"
    }

    /// `nil`: what the model's folder says, else the mean.
    package let pooling: Pooling?
    /// What cosines are divided by, τ.
    package let temperature: Double
    /// Whether each positive has to find its anchor too.
    package let isSymmetric: Bool
    /// Whether equal texts are no negatives of each other.
    package let masksDuplicates: Bool
    /// Added to the logits of an anchor's own hard negatives, as SimCSE's key of this name.
    package let hardNegativeWeight: Double

    static let keys: [ConfigurationKey] = [
        .choice("pooling_mode", nil, Pooling.allCases.map(\.rawValue), .training),
        .number("contrastive_temperature", 0.05, .from(0.001), .training),
        .boolean("contrastive_symmetric", false, .training),
        .boolean("contrastive_mask_duplicates", false, .training),
        .number("hard_negative_weight", 0, .any, .training),
    ]

    init(_ settings: ConfigurationSettings) {
        pooling = settings.optionalChoice("pooling_mode")
        temperature = settings.number("contrastive_temperature")
        isSymmetric = settings.boolean("contrastive_symmetric")
        masksDuplicates = settings.boolean("contrastive_mask_duplicates")
        hardNegativeWeight = settings.number("hard_negative_weight")
    }
}

extension ConfigurationSettings {
    /// Whether vectors of texts are learned.
    var isContrastive: Bool {
        let objective: PretrainingSection.Objective? = optionalChoice("objective")
        return stage == .pretraining && objective == .contrastive
    }
}

extension ContrastiveSection: ConfigurationSection {
    /// Keys of running text and of conversations, with what to say of them.
    private static let refused: [(key: String, reason: String)] = [
        ("tokenized_path", "texts are encoded as the run starts"),
        ("packing", "each text has its own row"), ("neat_packing", "each text has its own row"),
        ("streaming", "the order of all texts is drawn"),
        ("do_predict", "vectors are made by `lockstep embed`"),
    ]

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command) || settings.command == .prepare else {
            return
        }
        guard settings.isContrastive else {
            let objective: PretrainingSection.Objective? = settings.optionalChoice("objective")
            for key in keys.map(\.name) where settings.isChanged(key) {
                throw settings.contradiction(
                    [key, objective == nil ? "stage" : "objective"],
                    "it belongs to stage: pt with objective: contrastive; leave it out")
            }
            return
        }
        guard settings.command != .prepare else {
            throw settings.contradiction(
                ["objective"],
                "contrastive needs no preparing, its texts are encoded as the run starts"
            )
        }
        for (key, reason) in refused where settings.isChanged(key) {
            throw settings.contradiction(
                [key, "objective"],
                "it is not for objective: contrastive, where \(reason); leave it out")
        }
        let columns = settings.list("text_column_names")
        if settings.isChanged("hard_negative_weight"), !columns.isEmpty, columns.count < 3 {
            throw settings.contradiction(
                ["hard_negative_weight", "text_column_names"],
                "it weighs hard negatives, but only \(columns.count) columns are named; name theirs "
                    + "behind those of anchors and positives")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard settings.command == .train, settings.isContrastive else { return }
        settings.noteUnused(
            [
                "template", "default_system", "tool_format", "train_on_prompt", "mask_history",
                "text_column", "compute_accuracy",
            ],
            since: "with objective: contrastive rows are texts that belong together, in columns "
                + "that text_column_names names")
    }
}
