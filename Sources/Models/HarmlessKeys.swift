import Files

/// Keys of config.json that no architecture here reads, and when they change nothing.
typealias HarmlessKeys = [String: HarmlessKey]

extension [String: HarmlessKey] {
    /// What transformers and others write for every model.
    ///
    /// Source: transformers 5.23, `PreTrainedConfig.__post_init__` and the generation parameters
    /// that it drops (`GenerationConfig._get_default_generation_params`).
    static var shared: HarmlessKeys {
        always(origin + tokens + outputs + classification + generation).merging(conditional) { $1 }
    }

    /// Keys that are harmless whatever their value.
    static func always(_ keys: [String]) -> HarmlessKeys {
        HarmlessKeys(keys.map { ($0, HarmlessKey.always) }) { first, _ in first }
    }

    /// Where a file comes from and how others load it.
    private static var origin: [String] {
        [
            "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal",
            "_commit_hash", "_experts_implementation", "_from_model_config", "_name_or_path",
            "architectures", "attn_implementation", "auto_map", "dtype", "experts_implementation",
            "gradient_checkpointing", "is_llama_config", "max_sequence_length", "model_max_length",
            "name_or_path", "torch_dtype", "torchscript", "transformers.js_config",
            "transformers_version", "trust_remote_code", "unsloth_fixed", "unsloth_version",
            "use_bfloat16", "use_cache", "use_flash_attn", "_flash_attn_2_enabled",
        ]
    }
    /// Ids and names of tokens, which readers of tokenizers look at.
    private static var tokens: [String] {
        [
            "bos_token_id", "cls_token_id", "decoder_start_token_id", "eos_token_id",
            "mask_token_id", "pad_token_id", "sep_token_id", "tokenizer_class",
            "tokenizer_model_max_length", "tokenizer_padding_side", "unk_token_id",
        ]
    }
    /// What a call returns besides logits.
    private static var outputs: [String] {
        [
            "chunk_size_feed_forward", "is_decoder", "output_attentions", "output_hidden_states",
            "output_past", "return_dict", "tie_last_hidden_states", "use_return_dict",
        ]
    }
    /// Of heads that classify, which language models do not have.
    private static var classification: [String] {
        [
            "classifier_dropout", "classifier_bias", "finetuning_task", "id2label", "label2id",
            "num_labels", "problem_type", "summary_dropout_prob", "task_specific_params",
        ]
    }
    /// How texts are drawn; generation_config.json says that since transformers 5.
    private static var generation: [String] {
        [
            "bad_words_ids", "begin_suppress_tokens", "cache_implementation", "diversity_penalty",
            "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
            "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff",
            "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
            "length_penalty", "max_length", "max_new_tokens", "min_length", "no_repeat_ngram_size",
            "num_beam_groups", "num_beams", "num_return_sequences", "output_scores", "prefix",
            "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
            "suppress_tokens", "temperature", "top_k", "top_p", "typical_p",
        ]
    }

    /// What would change the model at other values. Of these an architecture reads some.
    private static var conditional: HarmlessKeys {
        [
            "add_cross_attention": .flag(false),
            "attention_bias": .flag(false),
            "bias": .flag(false),
            "cross_attention_hidden_size": .when(supported: "null") { _ in false },
            "embd_pdrop": .at([.int(0)]),
            "is_encoder_decoder": .flag(false),
            "layer_types": .when(supported: "full_attention in every layer") { value in
                value.array?.allSatisfy { $0.string == "full_attention" } == true
            },
            "lm_head_bias": .flag(false),
            "mlp_bias": .flag(false),
            "per_layer_config": .when(supported: "no such key") { $0.isFalse },
            "pretraining_tp": .always,
            "pruned_heads": .when(supported: "{}") { $0.isFalse },
            "qk_layernorm": .flag(false),
            "quantization_config": .when(
                supported: "no such key, that is weights of 16 or 32 bits; take the model that was "
                    + "quantized, a .gguf file of it, or quantization_bit"
            ) { _ in false },
            "resid_pdrop": .at([.int(0)]),
            "rope_interleaved": .flag(false),
            "tie_encoder_decoder": .flag(false),
            "use_mrope": .flag(false),
            "use_qk_norm": .flag(false),
            "use_sliding_window": .flag(false),
        ]
    }
}
