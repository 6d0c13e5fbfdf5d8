import Models
import Testing

/// Encoders as people publish them: every key of their config.json is known, and they have as many
/// parameters as in transformers 5.23 (on its meta device).
@Suite struct PublishedEncoderTests {
    struct Published: CustomTestStringConvertible, Sendable {
        let name: String
        /// Of config.json, without braces.
        let keys: String
        /// Parameters with a language head, and with one for two labels of a text.
        let ofLanguage, ofLabels: Int
        var testDescription: String { name }
    }

    @Test(arguments: published)
    func hasItsParameters(_ one: Published) throws {
        let labels = TaskPlan(.sequence, labels: ["a", "b"])
        for (purpose, count) in [
            (ModelPurpose.language, one.ofLanguage), (.task(labels), one.ofLabels),
        ] {
            let model = try ModelCatalog.model(configuration: "{\(one.keys)}", for: purpose)
            #expect(model.parameters.reduce(0) { $0 + $1.count } == count)
        }
    }

    static let published = [
        Published(
            name: "DistilBERT base",
            keys: """
                "model_type": "distilbert", "activation": "gelu",
                "architectures": ["DistilBertForMaskedLM"], "attention_dropout": 0.1, "dim": 768,
                "dropout": 0.1, "hidden_dim": 3072, "initializer_range": 0.02,
                "max_position_embeddings": 512, "n_heads": 12, "n_layers": 6, "pad_token_id": 0,
                "qa_dropout": 0.1, "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": false,
                "tie_weights_": true, "transformers_version": "4.10.0.dev0", "vocab_size": 30522
                """,
            ofLanguage: 66_985_530, ofLabels: 66_955_010)
    ]
}
