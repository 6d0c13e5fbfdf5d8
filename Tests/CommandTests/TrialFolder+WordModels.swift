extension TrialFolder {
    /// A BERT, a Llama and a T5 of one layer, `bert`, `small-llama` and `small-t5`, with a tokenizer of whole
    /// words.
    func writeWordModels(_ words: [String], dropout: Double = 0) throws {
        let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words
        try writeWordModel(
            "bert", pieces,
            """
            {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": \(pieces.count),
             "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
             "num_attention_heads": 2, "max_position_embeddings": 16, "initializer_range": 0.05,
             "hidden_dropout_prob": \(dropout), "attention_probs_dropout_prob": \(dropout)}
            """)
        try writeWordModel(
            "small-llama", pieces,
            """
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": \(pieces.count),
             "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
             "num_attention_heads": 2, "max_position_embeddings": 16, "eos_token_id": 3,
             "initializer_range": 0.05}
            """)
        try writeWordModel(
            "small-t5", pieces,
            """
            {"model_type": "t5", "vocab_size": \(pieces.count), "d_model": 16, "d_kv": 8, "d_ff": 24,
             "num_layers": 1, "num_heads": 2, "dropout_rate": \(dropout), "eos_token_id": 3,
             "pad_token_id": 0, "decoder_start_token_id": 0}
            """)
    }

    private func writeWordModel(
        _ model: String, _ pieces: [String], _ configuration: String
    ) throws {
        try write("\(model)/config.json", configuration)
        let vocabulary = pieces.enumerated().map { "\"\($1)\": \($0)" }
        let special = pieces.prefix(5).enumerated().map {
            """
            {"id": \($0), "content": "\($1)", "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false, "special": true}
            """
        }
        try write(
            "\(model)/tokenizer.json",
            """
            {"version": "1.0", "truncation": null, "padding": null,
             "added_tokens": [\(special.joined(separator: ","))],
             "normalizer": {"type": "BertNormalizer", "clean_text": true,
              "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
             "pre_tokenizer": {"type": "BertPreTokenizer"},
             "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
             "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
             "model": {"type": "WordPiece", "unk_token": "[UNK]",
              "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {\(vocabulary.joined(separator: ", "))}}}
            """)
        try write(
            "\(model)/tokenizer_config.json", "{\"tokenizer_class\": \"BertTokenizer\"}")
    }
}
