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
            ofLanguage: 66_985_530, ofLabels: 66_955_010),
        Published(
            name: "all-mpnet-base-v2",
            keys: """
                "model_type": "mpnet", "_name_or_path": "microsoft/mpnet-base",
                "architectures": ["MPNetForMaskedLM"], "attention_probs_dropout_prob": 0.1,
                "bos_token_id": 0, "eos_token_id": 2, "hidden_act": "gelu",
                "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02,
                "intermediate_size": 3072, "layer_norm_eps": 1e-05, "max_position_embeddings": 514,
                "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1,
                "relative_attention_num_buckets": 32, "transformers_version": "4.8.2",
                "vocab_size": 30527
                """,
            ofLanguage: 109_518_527, ofLabels: 109_488_002),
        Published(
            name: "ALBERT base v2",
            keys: """
                "model_type": "albert", "architectures": ["AlbertForMaskedLM"],
                "attention_probs_dropout_prob": 0, "bos_token_id": 2,
                "classifier_dropout_prob": 0.1, "down_scale_factor": 1, "embedding_size": 128,
                "eos_token_id": 3, "gap_size": 0, "hidden_act": "gelu_new",
                "hidden_dropout_prob": 0, "hidden_size": 768, "initializer_range": 0.02,
                "inner_group_num": 1, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
                "max_position_embeddings": 512, "net_structure_type": 0,
                "num_attention_heads": 12, "num_hidden_groups": 1, "num_hidden_layers": 12,
                "num_memory_blocks": 0, "pad_token_id": 0, "type_vocab_size": 2,
                "vocab_size": 30000
                """,
            ofLanguage: 11_221_680, ofLabels: 11_685_122),
        Published(
            name: "ALBERT without sizes, which are xxlarge's", keys: #""model_type": "albert""#,
            ofLanguage: 206_368_944, ofLabels: 222_603_778),
    ]
}
