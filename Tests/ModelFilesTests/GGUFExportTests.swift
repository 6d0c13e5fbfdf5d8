import Autograd
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing
import WeightFiles

/// What a GGUF file can hold is written and read back; the rest is refused by its key.
@Suite struct GGUFExportTests {
    /// A config.json of a small model with these members besides.
    private static func configuration(
        _ type: String, _ members: [String: Any]
    ) throws -> String {
        var object: [String: Any] =
            type == "gpt2"
            ? [
                "vocab_size": 41, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 48,
            ]
            : [
                "vocab_size": 41, "hidden_size": 32, "intermediate_size": 48,
                "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
                "head_dim": 16, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
                "rope_theta": 10_000.0, "tie_word_embeddings": type.hasPrefix("gemma"),
            ]
        object["model_type"] = type
        switch type {
        case "mixtral": object.merge(["num_local_experts": 4]) { $1 }
        case "qwen3_moe":
            object.merge([
                "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
                "norm_topk_prob": true,
            ]) { $1 }
        case "gemma2", "gemma3_text":
            object.merge(["query_pre_attn_scalar": 16, "sliding_window": 8]) { $1 }
        case "phi3": object["original_max_position_embeddings"] = 64
        default: break
        }
        object.merge(members) { $1 }
        return String(
            decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    }

    private static func scaling(_ type: String, _ members: [String: Any] = [:]) -> [String: Any] {
        var scaling: [String: Any] = ["rope_type": type, "factor": 4.0]
        if !["linear", "dynamic"].contains(type) {
            scaling["original_max_position_embeddings"] = 16
        }
        return ["rope_scaling": scaling.merging(members) { $1 }]
    }

    struct Case: CustomTestStringConvertible, @unchecked Sendable {
        let type: String
        let members: [String: Any]
        /// The key of a refusal's message.
        var key = ""

        var testDescription: String { "\(type) \(members.keys.sorted()) \(key)" }
    }

    static let list = (0..<8).map { 1 + Double($0) / 7 }
    static let held: [Case] = [
        Case(type: "llama", members: [:]),
        Case(type: "llama", members: ["attention_bias": true, "mlp_bias": true]),
        Case(type: "llama", members: scaling("linear")),
        Case(type: "llama", members: scaling("yarn", ["beta_fast": 4.0, "beta_slow": 0.5])),
        Case(type: "llama", members: scaling("yarn", ["attention_factor": 1.3])),
        Case(
            type: "llama",
            members: scaling("llama3", ["low_freq_factor": 1.0, "high_freq_factor": 4.0])),
        Case(
            type: "llama",
            members: scaling("llama3", ["low_freq_factor": 0.5, "high_freq_factor": 8.0])),
        Case(
            type: "llama",
            members: scaling(
                "longrope", ["short_factor": list, "long_factor": list.map { $0 * 2 }])),
        Case(type: "mistral", members: ["sliding_window": 64]),
        Case(type: "qwen2", members: scaling("yarn")),
        Case(type: "qwen3_moe", members: [:]),
        Case(type: "gemma2", members: ["final_logit_softcapping": 7.0, "sliding_window": 5]),
        Case(
            type: "gemma3_text",
            members: ["rope_local_base_freq": 300.0, "rope_theta": 5000.0]),
        Case(
            type: "gemma3_text",
            members: ["layer_types": ["full_attention", "full_attention"]]),
        Case(
            type: "gemma3_text",
            members: ["layer_types": ["sliding_attention", "full_attention"]]),
        Case(type: "phi3", members: ["partial_rotary_factor": 0.75]),
        Case(type: "phi3", members: ["sliding_window": 9]),
        Case(type: "gpt2", members: ["n_inner": 80, "layer_norm_epsilon": 1e-3]),
        Case(type: "gpt2", members: ["tie_word_embeddings": false]),
    ]

    static let refused: [Case] = [
        Case(type: "llama", members: ["hidden_act": "gelu"], key: "hidden_act"),
        Case(type: "qwen3", members: ["hidden_act": "relu"], key: "hidden_act"),
        Case(type: "gemma2", members: ["hidden_activation": "gelu"], key: "hidden_activation"),
        Case(type: "mistral", members: ["sliding_window": 8], key: "sliding_window"),
        Case(type: "mixtral", members: ["sliding_window": 8], key: "sliding_window"),
        Case(
            type: "qwen2",
            members: [
                "sliding_window": 8, "use_sliding_window": true, "max_window_layers": 1,
            ], key: "sliding_window"),
        Case(type: "qwen3_moe", members: ["norm_topk_prob": false], key: "norm_topk_prob"),
        Case(type: "qwen3_moe", members: ["mlp_only_layers": [0]], key: "mlp_only_layers"),
        Case(type: "qwen3", members: ["attention_bias": true], key: "attention_bias"),
        Case(type: "gemma", members: ["attention_bias": true], key: "attention_bias"),
        Case(type: "gemma2", members: ["tie_word_embeddings": false], key: "tie_word_embeddings"),
        Case(
            type: "gemma2", members: ["query_pre_attn_scalar": 40], key: "query_pre_attn_scalar"),
        Case(
            type: "gemma3_text", members: ["query_pre_attn_scalar": 40],
            key: "query_pre_attn_scalar"),
        Case(
            type: "gemma2", members: ["attn_logit_softcapping": NSNull()],
            key: "attn_logit_softcapping"),
        Case(
            type: "gemma2",
            members: ["layer_types": ["full_attention", "sliding_attention"]],
            key: "sliding_window"),
        Case(type: "llama", members: scaling("dynamic"), key: "rope_scaling"),
        Case(
            type: "qwen2",
            members: scaling(
                "longrope", ["short_factor": list, "long_factor": list.map { $0 * 2 }]),
            key: "rope_scaling"),
        Case(
            type: "qwen3",
            members: scaling("llama3", ["low_freq_factor": 1.0, "high_freq_factor": 4.0]),
            key: "rope_scaling"),
        Case(
            type: "gpt2", members: ["activation_function": "relu"], key: "activation_function"),
        Case(type: "gpt2", members: ["scale_attn_weights": false], key: "scale_attn_weights"),
        Case(
            type: "gpt2", members: ["scale_attn_by_inverse_layer_idx": true],
            key: "scale_attn_weights"),
    ]

    // Weights are rounded to float32 only; sums of float32 differ by some roundings.
    @Test(arguments: held)
    func whatTheFormatHoldsReadsBackToTheSameLogits(_ settings: Case) throws {
        let model = try ModelCatalog.model(
            configuration: Self.configuration(settings.type, settings.members))
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        var generator = FixedNumbers(state: 7)
        for parameter in model.parameters {
            let scale = parameter.shape.extents.count > 1 ? 0.4 : 0.2
            workspace.assign(
                (0..<parameter.count).map { _ in Float(scale) * generator.next() }, to: parameter)
        }
        try TinyGGUF.withFolder { folder in
            try GGUFExport(model, format: .float32, tokenizerFiles: [:], generation: nil)
                .write(to: folder + "/x.gguf", in: workspace)
            let source = try ModelSource(path: folder + "/x.gguf")
            let read = try source.model()
            let other = Workspace(threads: 1)
            _ = ParameterStore(
                read.parameters, computeType: .float32, training: false, in: other)
            try source.fill(read, read.parameters, in: other)
            // 40 tokens are longer than the 16 and the windows of the cases.
            let ids = (0..<40).map { Int32($0 * 7 % 41) }
            let mine = workspace.numbers(
                model.logits(
                    ids, batch: 1, in: ForwardPass(workspace: workspace, computeType: .float32)))
            let theirs = other.numbers(
                read.logits(
                    ids, batch: 1, in: ForwardPass(workspace: other, computeType: .float32)))
            #expect(mine.contains { abs($0) > 0.05 })
            #expect(Difference.absolute(mine, theirs) < 1e-4)
        }
    }

    @Test(arguments: refused)
    func whatTheFormatCannotHoldIsRefusedByItsKey(_ settings: Case) throws {
        let model = try ModelCatalog.model(
            configuration: Self.configuration(settings.type, settings.members))
        let error = #expect(throws: ModelFileError.self) {
            try GGUFExport(model, format: .float32, tokenizerFiles: [:], generation: nil)
        }
        let text = error?.description ?? ""
        #expect(text.contains("\(settings.key)") && text.contains("export a Hugging Face folder"))
        #expect(!text.contains("\n"), "\(text)")
    }

    /// The test of the refused would pass if everything were refused; without the changed key none is.
    @Test(arguments: Set(refused.map(\.type)).sorted())
    func withoutTheKeyTheModelIsWritten(type: String) throws {
        let model = try ModelCatalog.model(configuration: Self.configuration(type, [:]))
        _ = try GGUFExport(model, format: .float32, tokenizerFiles: [:], generation: nil)
    }
}

/// Numbers of −1 to 1 that are the same in every run.
private struct FixedNumbers {
    var state: UInt64

    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }
}
