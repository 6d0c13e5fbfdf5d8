/// What a model is made for: which head it has beside its body.
package enum ModelPurpose: Sendable, Equatable {
    /// Logits over the vocabulary.
    case language
    /// Hidden states alone; a file's heads are left where they are.
    case states
    /// Scores of a task's labels.
    case task(TaskPlan)

    package var task: TaskPlan? {
        if case .task(let plan) = self { plan } else { nil }
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
