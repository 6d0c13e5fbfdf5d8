import Files

/// What a model is made for: which head it has beside its body.
package enum ModelPurpose: Sendable, Equatable {
    /// Logits over the vocabulary.
    case language
    /// Hidden states alone; a file's heads are left where they are.
    case states
    /// Scores of a task's labels.
    case task(TaskPlan)
    /// Logits over the vocabulary, and whether the second of two texts follows the first.
    case followingTexts
    /// Which tokens of a text are others than it had, with the smaller model that draws those; `nil` where
    /// it stands alone.
    case replacedTokens(GeneratorSize?)

    /// Whether the model's files hold a language head that it uses.
    package var hasLanguageHead: Bool {
        switch self {
        case .language: true
        case .task(let plan): plan.isValueHead
        case .states, .followingTexts, .replacedTokens: false
        }
    }

    package var task: TaskPlan? {
        if case .task(let plan) = self { plan } else { nil }
    }
}

extension ModelPurpose {
    /// config.json of a model that is made for it.
    ///
    /// - Throws: ``ModelError`` where transformers has no such class.
    func configuration(of text: String) throws(ModelError) -> String {
        switch self {
        case .language: text
        case .states: TaskPlan.configurationOfBody(text)
        case .task(let plan): try plan.configuration(of: text)
        case .followingTexts: Self.configuration(text, [Self.architecture("BertForPreTraining")])
        case .replacedTokens:
            Self.configuration(text, [Self.architecture("ElectraForPreTraining")])
        }
    }

    static func architecture(_ name: String) -> (String, JSONValue) {
        ("architectures", .array([.string(name)]))
    }

    /// A config.json with other values; as it is where it cannot be read.
    static func configuration(_ text: String, _ values: [(String, JSONValue)]) -> String {
        guard let file = try? JSONValueReader.read(text) else { return text }
        return values.reduce(file) { $0.setting($1.0, to: $1.1) }.text(indent: 2) + "\n"
    }
}

/// How a model's tokens see one another, and so what it can be trained for.
package enum ModelKind: String, Sendable {
    /// Each token sees those before it.
    case decoder
    /// Each token sees all.
    case encoder
    /// A decoder's tokens see an encoder's, and those before them.
    case encoderDecoder = "encoder-decoder"
}
