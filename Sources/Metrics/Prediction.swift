/// One generated answer.
package struct Prediction: Sendable, Equatable {
    /// What the model was given, special tokens written out.
    package let prompt: String
    package let predict: String
    /// The answer of the data.
    package let label: String

    package init(prompt: String, predict: String, label: String) {
        self.prompt = prompt
        self.predict = predict
        self.label = label
    }
}
