import Files

/// What a model says of held-out samples, as a file has it.
package struct PredictionFile: Sendable, Equatable {
    package let name: String
    package let text: String
    /// Samples in it.
    package let count: Int

    package init(name: String, text: String, count: Int) {
        self.name = name
        self.text = text
        self.count = count
    }

    /// LLaMA-Factory's generated_predictions.jsonl, a line a prediction in the order of the data.
    package init(_ predictions: [Prediction]) {
        var text = ""
        for prediction in predictions {
            text +=
                JSONValue.object([
                    ("prompt", .string(prediction.prompt)),
                    ("predict", .string(prediction.predict)),
                    ("label", .string(prediction.label)),
                ]).text() + "\n"
        }
        self.init(name: "generated_predictions.jsonl", text: text, count: predictions.count)
    }
}
