import Checkpoints
import Foundation
import ModelFiles
import WeightFiles

extension Parser {
    static let weights = [
        Parser(
            name: "safetensors",
            seeds: [
                "Tests/References/checkpoints/mixed.safetensors",
                "Tests/References/checkpoints/two.safetensors",
                "Tests/References/checkpoints/checkpoint-7.safetensors",
            ],
            words: [
                "\"shape\":[", "\"data_offsets\":[", "\"dtype\":\"F8_E4M3\"", "{", "}", "[", "]",
            ]
        ) { bytes, folder in
            isRead {
                let file = try SafetensorsFile(path: folder.file("model.safetensors", bytes))
                for tensor in file.tensors { _ = try? file.floats(tensor.name) }
            }
        },
        Parser(
            name: "torch-file",
            seeds: [
                "Tests/References/torch_files/mixed.bin",
                "Tests/References/torch_files/llama/pytorch_model-00002-of-00002.bin",
            ],
            words: [
                "PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "PK\u{6}\u{7}",
                "torch.FloatStorage", "ctorch._utils\n_rebuild_tensor_v2\n", "data/0", "K\u{1}",
            ]
        ) { bytes, folder in
            isRead {
                let file = try TorchArchive(path: folder.file("pytorch_model.bin", bytes))
                for name in file.names { _ = try? file.floats(name) }
            }
        },
        Parser(
            name: "safetensors-index",
            seeds: ["Tests/References/checkpoints/sharded/model.safetensors.index.json"],
            words: ["\"weight_map\": {", "\"../", "\"\": \"", "\u{0}", "{", "}"]
        ) { bytes, folder in
            let source = "Tests/References/checkpoints/sharded/"
            for name in (try? FileManager.default.contentsOfDirectory(atPath: source)) ?? [] {
                if !name.hasSuffix("index.json") { folder.copy(source + name, as: name) }
            }
            _ = folder.file("model.safetensors.index.json", bytes)
            return isRead {
                let model = try HuggingFaceFolder(path: folder.path)
                for name in model.names { _ = try model.shape(name) }
            }
        },
        Parser(
            name: "gguf",
            seeds: [
                "Tests/References/gguf/written.gguf", "Tests/References/gguf/types.gguf",
                "Tests/References/gguf_models/llama/model.gguf",
                "Tests/References/gguf_models/gpt2/model.gguf",
            ],
            words: [
                "GGUF", "general.architecture", "general.alignment", "llama.block_count",
                "split.count",
                "tokenizer.ggml.tokens", "llama.rope.scaling.type", "llama.attention.key_length",
            ]
        ) { bytes, folder in
            let path = folder.file("model.gguf", bytes)
            if let model = try? GGUFModel(path: path) { _ = try? model.tokenizerFiles() }
            return isRead {
                let file = try GGUFFile(path: path)
                for tensor in file.tensors { _ = try? file.floats(tensor.name) }
            }
        },
        Parser(
            name: "model-folder",
            seeds: ["Tests/References/models/llama/model.safetensors"],
            words: ["\"shape\":[", "model.layers.0.", "lm_head.weight", "rotary_emb.inv_freq"]
        ) { bytes, folder in
            folder.copy("Tests/References/models/llama/config.json", as: "config.json")
            _ = folder.file("model.safetensors", bytes)
            return isRead { _ = try InferenceModel(path: folder.path, threads: 1) }
        },
        Parser(
            name: "hdf5", seeds: ["Tests/References/checkpoints/checkpoint-7.h5"],
            words: ["HEAP", "TREE", "SNOD", "OHDR", "/model", "/meta"]
        ) { bytes, folder in
            let path = folder.file("checkpoint-7.h5", bytes)
            let inspection = CheckpointInspection(path: path)
            _ = try? inspection.lines()
            _ = inspection.verify()
            return isRead { _ = try CheckpointReader(path: path).state() }
        },
    ]
}
