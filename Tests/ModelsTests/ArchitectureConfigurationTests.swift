import Foundation
import Kernels
import Models
import TestSupport
import Testing

/// What further architectures make of their config.json.
@Suite struct ArchitectureConfigurationTests {
    // google/gemma-3-4b-it's file leaves out whatever transformers has as a default.
    @Test func sparseGemma3FilesGetTheirDefaults() throws {
        let model = try ModelCatalog.model(
            configuration: """
                {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text",
                "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
                "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
                "vision_config": {"hidden_size": 1152}}
                """)
        #expect(model.description.vocabularySize == 262_208)
        #expect(model.description.maximumPositions == 131_072)
        #expect(model.description.heads == 8)
        #expect(model.description.headSize == 256)
        #expect(model.head.name == "model.language_model.embed_tokens.weight")
        let query = try #require(
            model.registry.linears.first {
                $0.path == "model.language_model.layers.33.self_attn.q_proj"
            })
        #expect(query.linear.weight.shape == [2048, 2560])
        #expect(
            model.namesInFiles(of: query.linear.weight) == [
                "model.language_model.layers.33.self_attn.q_proj.weight",
                "language_model.model.layers.33.self_attn.q_proj.weight",
            ])
        let image = "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight"
        #expect(model.ignoredPrefixes.contains(where: image.hasPrefix))
        #expect(!model.ignoredPrefixes.contains(where: "vision_tower.text.weight".hasPrefix))
    }

    // Every linear layer that LoRA may name is there under the name of its file.
    @Test(arguments: [
        ("phi3", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
        ("glm4", ["q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"]),
        ("chatglm", ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
        ("baichuan2", ["W_pack", "o_proj", "gate_proj", "up_proj", "down_proj"]),
        ("internlm2", ["wqkv", "wo", "w1", "w3", "w2"]),
        ("starcoder2", ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"]),
        ("opt", ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]),
        ("phi", ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"]),
        ("gpt_neox", ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
    ])
    func linearLayersHaveTheNamesOfTheirFiles(folder: String, leaves: [String]) throws {
        let model = try ModelCatalog.model(
            configuration: try References.text("architectures/\(folder)/config.json"))
        let found = Set(model.registry.linears.compactMap { $0.path.split(separator: ".").last })
        #expect(Set(found.map(String.init)) == Set(leaves))
    }

    // A task's head takes the language head's place.
    @Test(
        arguments: [
            ("gpt_neox", .sequence, ["score.weight"]),
            ("opt", .sequence, ["score.weight"]),
            ("opt", .span, ["qa_outputs.weight", "qa_outputs.bias"]),
            ("phi", .sequence, ["score.weight"]), ("phi", .tokens, ["score.weight", "score.bias"]),
            ("gpt_neox", .tokens, ["classifier.weight", "classifier.bias"]),
            ("gpt_neox", .span, ["qa_outputs.weight", "qa_outputs.bias"]),
        ] as [(String, TaskPlan.Kind, [String])])
    func headsHaveTransformersNames(
        folder: String, kind: TaskPlan.Kind, names: [String]
    ) throws {
        let text = try References.text("architectures/\(folder)/config.json")
        let language = try ModelCatalog.model(configuration: text)
        let plan = TaskPlan(kind, labels: ["a", "b", "c"])
        let model = try ModelCatalog.model(configuration: text, for: .task(plan))
        let own = Set(model.parameters.map(\.name))
        #expect(own.subtracting(language.parameters.map(\.name)) == Set(names))
        let gone = Set(language.parameters.map(\.name)).subtracting(own)
        #expect(gone.allSatisfy { model.extraArray($0).map { "\($0)" } == "otherHead" })
    }

    // Baichuan 7B and 13B differ in position embeddings, the first and second in their heads.
    @Test func baichuanIsToldByItsKeys() throws {
        let text = """
            {"model_type": "baichuan", "vocab_size": %d, "hidden_size": 64,
            "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, %@}
            """
        let made = { (vocabulary: Int, rest: String) in
            try ModelCatalog.model(configuration: String(format: text, vocabulary, rest))
        }
        #expect(!(try made(64_000, "\"max_position_embeddings\": 9").logitForm.normalizesRows))
        #expect(try made(125_696, "\"max_position_embeddings\": 9").logitForm.normalizesRows)
        let alibi = try made(64_000, "\"model_max_length\": 12")
        #expect(alibi.description.maximumPositions == 12)
        #expect(throws: ModelError.missingKey("model_max_length", model: "baichuan")) {
            _ = try made(64_000, "\"use_cache\": true")
        }
    }

    // Yi's first files are Llama's with other names of norms.
    @Test func yiIsLlamaWithOtherNames() throws {
        let reference = try ReferenceModel("llama_linear", threads: 1)
        let text = try References.text("models/llama_linear/config.json")
        let model = try ModelCatalog.model(
            configuration: text.replacingOccurrences(
                of: "\"model_type\": \"llama\"", with: "\"model_type\": \"Yi\""))
        #expect(model.description.type == "Yi")
        let renamed = reference.model.parameters.map {
            $0.name.replacingOccurrences(of: "post_attention_layernorm", with: "ln2")
                .replacingOccurrences(of: "input_layernorm", with: "ln1")
        }
        #expect(model.parameters.map(\.name) == renamed)
    }

    @Test(arguments: [
        ("chatglm", "\"rmsnorm\": true", "\"rmsnorm\": false", "rmsnorm"),
        ("chatglm", "\"pre_seq_len\": null", "\"pre_seq_len\": 128", "pre_seq_len"),
        ("phi3_longrope", "3.0,", "", "long_factor"),
        ("phi3_longrope", "\"type\": \"longrope\"", "\"type\": \"ntk\"", "rope_scaling"),
        (
            "gemma2", "\"sliding_window\": 6",
            "\"sliding_window\": 6, \"use_bidirectional_attention\": true",
            "use_bidirectional_attention"
        ),
        (
            "gemma2", "\"final_logit_softcapping\": 4.0", "\"final_logit_softcapping\": -4",
            "final_logit_softcapping"
        ),
        ("gemma3", "\"text_config\"", "\"other_config\"", "text_config"),
        ("gpt_neox", "\"rotary_pct\": 0.5", "\"rotary_pct\": 0.4", "rotated"),
        ("glm4", "\"partial_rotary_factor\": 0.5", "\"partial_rotary_factor\": 0.4", "rotated"),
    ])
    func mistakesAreNamed(folder: String, old: String, new: String, key: String) throws {
        let text = try References.text("architectures/\(folder)/config.json")
        #expect(text.contains(old))
        let error = #expect(throws: ModelError.self) {
            _ = try ModelCatalog.model(
                configuration: text.replacingOccurrences(of: old, with: new))
        }
        #expect(error?.description.contains(key) == true)
    }

    @Test func unknownArchitecturesAreRefusedWithTheListOfThoseThatWork() {
        let error = #expect(throws: ModelError.self) {
            _ = try ModelCatalog.model(configuration: "{\"model_type\": \"mamba\"}")
        }
        let text = error?.description ?? ""
        #expect(text.contains("\"mamba\""))
        for name in ModelCatalog.names { #expect(text.contains(name)) }
        #expect(ModelCatalog.names.count >= 16)
    }
}
