import Foundation
import TestSupport
import Testing
import WeightFiles

/// Every key of a GGUF file is used, harmless at its value, or refused by name.
@Suite struct GGUFKeysTests {
    private func message(
        _ folder: String = "qwen2", _ change: (inout TinyGGUF) -> Void
    ) throws -> String {
        var file = try TinyGGUF(folder)
        change(&file)
        return try file.message()
    }

    @Test func theFilesAsTheyAreCanBeRead() throws {
        for folder in ["llama", "qwen2", "gemma3", "mixtral", "gpt2"] {
            #expect(try message(folder) { _ in } == "")
        }
    }

    /// Keys that change what llama.cpp computes, or of which nothing is known.
    @Test(arguments: [
        ("qwen2", "qwen2.attention.sliding_window", GGUFValue.uint32(8)),
        ("llama", "llama.attention.scale", .float32(0.1)),
        ("llama", "llama.logit_scale", .float32(2)),
        ("qwen3_moe", "qwen3moe.expert_weights_norm", .bool(false)),
        ("qwen3_moe", "qwen3moe.expert_shared_count", .uint32(1)),
        ("mixtral", "llama.expert_gating_func", .uint32(2)),
        ("gemma3", "gemma3.attn_logit_softcapping", .float32(20)),
        ("gpt2", "gpt2.rope.freq_base", .float32(1e6)),
        ("qwen2", "qwen2.something_new", .uint32(3)),
        ("qwen2", "something.new", .strings(["a"])),
        ("qwen2", "general.type", .string("adapter")),
        ("qwen2", "general.quantization_version", .uint32(1)),
        ("llama", "llama.attention.causal", .bool(false)),
    ])
    func aKeyThatWouldChangeTheAnswerIsRefusedByName(
        _ folder: String, _ key: String, _ value: GGUFValue
    ) throws {
        let message = try message(folder) { $0.metadata[key] = value }
        #expect(message.contains("'\(key)'") && message.hasPrefix("x.gguf: "), "\(message)")
    }

    /// The same keys at values that say what is computed anyway.
    @Test(arguments: [
        ("qwen2", "qwen2.attention.sliding_window", GGUFValue.uint32(0)),
        ("llama", "llama.attention.scale", .float32(0)),
        ("llama", "llama.logit_scale", .float32(1)),
        ("qwen3_moe", "qwen3moe.expert_weights_norm", .bool(true)),
        ("mixtral", "llama.expert_gating_func", .uint32(1)),
        ("qwen2", "general.type", .string("model")),
        ("qwen2", "general.something_new", .string("a licence")),
        ("qwen2", "quantize.imatrix.entries_count", .int32(3)),
        ("qwen2", "general.base_model.0.name", .string("Qwen")),
        ("llama", "llama.rope.scaling.finetuned", .bool(true)),
        ("llama", "tokenizer.ggml.fim_pre_token_id", .uint32(5)),
        ("llama", "llama.attention.causal", .bool(true)),
        ("llama", "llama.vocab_size", .uint32(97)),
    ])
    func aHarmlessKeyIsPassedOver(_ folder: String, _ key: String, _ value: GGUFValue) throws {
        #expect(try message(folder) { $0.metadata[key] = value } == "")
    }

    // What ends a text: the tokens of end of text, of turn and of message, and a list of them.
    @Test func everyTokenThatEndsATextIsTaken() throws {
        var file = try TinyGGUF("llama")
        file.metadata["tokenizer.ggml.eos_token_id"] = .uint32(2)
        file.metadata["tokenizer.ggml.eot_token_id"] = .uint32(7)
        file.metadata["tokenizer.ggml.eom_token_id"] = .uint32(2)
        file.metadata["tokenizer.ggml.eos_token_ids"] = .int32s([9, 2])
        #expect(try file.configuration()["eos_token_id"] as? [Int] == [2, 7, 9])
    }

    /// Sizes that the tensors contradict, some as large as the file's integers go.
    @Test(arguments: [
        ("block_count", GGUFValue.uint32(.max)), ("block_count", .uint64(1 << 40)),
        ("block_count", .uint32(3)), ("attention.key_length", .uint32(1 << 31)),
        ("attention.key_length", .uint32(8)), ("attention.head_count", .uint32(1 << 30)),
        ("attention.head_count", .int32(-4)), ("attention.head_count_kv", .uint32(4)),
        ("embedding_length", .uint32(64)), ("feed_forward_length", .uint32(1 << 31)),
        ("vocab_size", .uint32(1 << 31)), ("context_length", .uint64(1 << 62)),
        ("attention.value_length", .uint32(8)), ("rope.dimension_count", .uint32(8)),
        ("rope.dimension_count", .uint32(1 << 31)), ("rope.freq_base", .float32(0)),
        ("rope.freq_base", .float32(.nan)), ("attention.layer_norm_rms_epsilon", .float32(-1)),
        ("rope.scaling.factor", .float32(-2)), ("rope.scaling.attn_factor", .float32(0)),
    ])
    func aSizeThatTheTensorsDoNotHaveIsRefused(_ key: String, _ value: GGUFValue) throws {
        let message = try message("qwen3") { $0.metadata["qwen3." + key] = value }
        #expect(message.hasPrefix("x.gguf") || message.contains(" x.gguf"), "\(message)")
        #expect(!message.contains("\n"))
    }

    @Test func expertsThatAreNoStackAreRefused() throws {
        let name = "blk.0.ffn_gate_exps.weight"
        let message = try message("mixtral") { file in
            guard let tensor = file.tensors[name] else { return }
            let size = tensor.numbers.count / tensor.extents[0]
            file.tensors[name] = (
                Array(tensor.extents.dropFirst()), Array(tensor.numbers.prefix(size))
            )
        }
        #expect(message.contains(name) && message.contains("[3, 32, 32]"), "\(message)")
    }

    @Test func moreExpertsThanAreUsedAreRefused() throws {
        let message = try message("mixtral") { $0.metadata["llama.expert_count"] = .uint32(2) }
        #expect(message.contains("llama.expert_count is 2, expected 3"), "\(message)")
    }

    @Test func anEmbeddingWithoutAxesIsRefused() throws {
        let message = try message { $0.tensors["token_embd.weight"] = ([], [1]) }
        #expect(message.contains("token_embd.weight has shape []"), "\(message)")
    }
}
