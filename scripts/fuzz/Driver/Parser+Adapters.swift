import Foundation
import ModelFiles

extension Parser {
    private static func load(_ folder: Folder, model: String) -> Bool {
        isRead {
            let path = "Tests/References/models/" + model
            _ = try InferenceModel(path: path, adapters: [folder.path], threads: 1)
        }
    }

    static let adapters = [
        Parser(
            name: "adapter_config.json",
            seeds: ["Tests/References/adapters/llama_lora/adapter_config.json"],
            words: [
                "\"r\": ", "\"lora_alpha\": ", "\"rank_pattern\": {\"q_proj\": ", "\"(.*)*x$\"",
                "\"target_modules\": \"all-linear\"", "\"target_modules\": \"", "[", "(", "null",
                "\"init_lora_weights\": \"olora\"", "\"modules_to_save\": [", "\"bias\": \"all\"",
            ]
        ) { bytes, folder in
            folder.copy(
                "Tests/References/adapters/llama_lora/adapter_model.safetensors",
                as: "adapter_model.safetensors")
            _ = folder.file("adapter_config.json", bytes)
            return load(folder, model: "llama")
        },
        Parser(
            name: "adapter_model.safetensors",
            seeds: ["Tests/References/adapters/llama_lora/adapter_model.safetensors"],
            words: ["\"shape\":[", "lora_A.weight", "lora_magnitude_vector", "\"dtype\":\"BF16\""]
        ) { bytes, folder in
            folder.copy(
                "Tests/References/adapters/llama_lora/adapter_config.json",
                as: "adapter_config.json")
            _ = folder.file("adapter_model.safetensors", bytes)
            return load(folder, model: "llama")
        },
        Parser(
            name: "adapterhub",
            seeds: ["Tests/References/bottlenecks/llama_seq_bn/adapter_config.json"],
            words: ["\"reduction_factor\": ", "\"leave_out\": [", "\"non_linearity\": \"", "null"]
        ) { bytes, folder in
            folder.copy(
                "Tests/References/bottlenecks/llama_seq_bn/adapter.safetensors",
                as: "adapter.safetensors")
            _ = folder.file("adapter_config.json", bytes)
            return load(folder, model: "llama")
        },
        Parser(
            name: "pickle",
            seeds: ["Tests/References/bottlenecks/gpt2_seq_bn/pytorch_adapter.bin"],
            words: ["data.pkl", "PK\u{3}\u{4}", "cos\nsystem\n", "\u{85}", "\u{28}", "q\u{1}", "."]
        ) { bytes, folder in
            folder.copy(
                "Tests/References/bottlenecks/gpt2_seq_bn/adapter_config.json",
                as: "adapter_config.json")
            _ = folder.file("pytorch_adapter.bin", bytes)
            return load(folder, model: "gpt2")
        },
    ]
}
