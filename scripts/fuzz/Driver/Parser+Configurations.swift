import Configuration
import Files
import Models
import TextData

extension Parser {
    private static let configurationWords = [
        "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0},", "\"rope_parameters\": {",
        "\"llama3\"", "\"longrope\"", "\"dynamic\"", "\"linear\"", "\"num_hidden_layers\": ",
        "\"hidden_size\": ", "\"vocab_size\": ", "\"head_dim\": ", "\"partial_rotary_factor\": ",
        "\"rope_theta\": ", "\"sliding_window\": ", "\"layer_types\": [", "null", "true", "false",
        "\"model_type\": \"gemma3_text\",", "\"model_type\": \"qwen3_moe\",", "{", "}", "[", "]",
        "\"model_type\": \"roberta\",", "\"model_type\": \"mt5\",", "\"pad_token_id\": ",
        "\"relative_attention_num_buckets\": ", "\"local_attention\": ", "\"d_kv\": ",
        "\"type_vocab_size\": ", "\"embedding_size\": ", "\"global_attn_every_n_layers\": ",
    ]

    /// What decides what is computed: config.json, YAML, JSON.
    static let configurations = [
        Parser(
            name: "config.json",
            seeds: ["gpt2", "llama", "mistral", "qwen2", "qwen3"].map {
                "Tests/References/models/\($0)/config.json"
            }
                + [
                    "baichuan2", "chatglm", "gemma", "gemma2", "gemma3", "gemma3_text", "glm4",
                    "ernie4_5", "granite", "internlm2", "olmo2", "phi3", "phi3_longrope", "smollm3",
                ].map { "Tests/References/architectures/\($0)/config.json" }
                + ["mixtral", "qwen3_moe"].map { "Tests/References/moe/\($0)/config.json" }
                + [
                    "albert", "bert", "distilbert", "electra", "modernbert", "modernbert_resaved",
                    "mpnet",
                    "roberta",
                    "xlm_roberta",
                ].map { "Tests/References/encoders/\($0)/config.json" }
                + ["t5", "mt5", "umt5"].map {
                    "Tests/References/encoder_decoders/\($0)/config.json"
                },
            words: configurationWords
        ) { bytes, _ in
            isRead { _ = try ModelCatalog.model(configuration: text(bytes)) }
        },
        Parser(
            name: "json",
            seeds: [
                "Tests/References/models/qwen3/config.json", "Tests/References/corpus/orders.json",
            ],
            words: ["[", "{", "\"\\ud800\"", "\\u0000", "NaN", "-Infinity", "1e400", "\u{FEFF}"]
        ) { bytes, _ in
            isRead { _ = try JSONValueReader.read(bytes[...]).text(indent: 2) }
        },
        Parser(
            name: "yaml",
            seeds: [
                "examples/pretrain/gcide-10m.yaml", "examples/finetune/smollm2_lora_sft.yaml",
                "examples/finetune/smollm2_qlora_sft.yaml",
            ],
            words: [
                "&a ", "*a", "<<: *a\n", "- ", "? ", "!!binary ", "|\n", ">\n", "{a: ", "[",
                "---\n",
                "per_device_train_batch_size: ", "num_train_epochs: ", "warmup_steps: ",
                "gradient_accumulation_steps: ", "threads_per_rank: ", "cutoff_len: ", "'", "\"",
            ]
        ) { bytes, _ in
            isRead {
                let document = try YAMLDocument(text: text(bytes), file: "run.yaml")
                _ = try? RunConfiguration(values: document.values, command: .prepare)
                _ = try RunConfiguration(values: document.values, command: .train)
            }
        },
    ]
}
