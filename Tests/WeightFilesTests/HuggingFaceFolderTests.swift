import CheckpointSupport
import Checkpoints
import Files
import Foundation
import Testing
import WeightFiles

@Suite struct HuggingFaceFolderTests {
    private struct Expected: Decodable {
        var shape: [Int]
        var xxh64: String
    }

    @Test func shardsThatTransformersWroteAreReadExactly() throws {
        let folder = try HuggingFaceFolder(path: Sample.reference("sharded"))
        let expected = try Sample.decode([String: Expected].self, "sharded.json")
        #expect(folder.names == expected.keys.sorted())
        for (name, weight) in expected {
            #expect(try folder.shape(name) == weight.shape)
            #expect(try folder.type(name) == "BF16")
            let found = try folder.floats(name).withUnsafeBytes { Checksum.xxh64.text(of: $0) }
            #expect(found == weight.xxh64, "\(name)")
        }
        #expect(folder.configuration.contains("\"model_type\": \"gpt2\""))
    }

    @Test func writtenFolderReadsBack() throws {
        try Sample.withFolder { root throws in
            let path = root + "/new/model"
            try write(Sample.state(step: 1).model, to: path)
            #expect(
                try Sample.names(path)
                    == ["config.json", "generation_config.json", "model.safetensors"])
            let folder = try HuggingFaceFolder(path: path)
            for array in Sample.state(step: 1).model {
                #expect(folder.contains(array.name))
                #expect(try folder.shape(array.name) == array.shape)
                #expect(try folder.floats(array.name) == array.values)
            }
            #expect(folder.configuration == "{}")
            #expect(
                try HuggingFaceFolder.text(of: "generation_config.json", in: path) == "{\"a\": 1}")
            #expect(try HuggingFaceFolder.text(of: "tokenizer.json", in: path) == nil)
        }
    }

    @Test func largeModelIsDividedAsTransformersDoes() throws {
        try Sample.withFolder { path throws in
            let source = try HuggingFaceFolder(path: Sample.reference("sharded"))
            let order = try modelOrder(source)
            try HuggingFaceFolder.write(
                path, configuration: source.configuration, arrays: order, type: .bfloat16,
                maximumShardBytes: 6000
            ) { array throws(WeightFileError) in try source.floats(array.name) }
            let shards = (1...4).map { "model-0000\($0)-of-00004.safetensors" }
            for name in shards + ["model.safetensors.index.json"] {
                let reference = Sample.reference("sharded/" + name)
                #expect(
                    try Data(contentsOf: URL(filePath: path + "/" + name))
                        == Data(contentsOf: URL(filePath: reference)), "\(name)")
            }
        }
    }

    @Test func shardsOfAnEarlierModelAreRemoved() throws {
        try Sample.withFolder { path throws in
            let model = Sample.state(step: 1).model
            try Data("notes".utf8).write(to: URL(filePath: path + "/README.md"))
            try write(model, to: path, maximumShardBytes: 300)
            #expect(try Sample.names(path).contains("model.safetensors.index.json"))
            try write(model, to: path)
            #expect(
                try Sample.names(path) == [
                    "README.md", "config.json", "generation_config.json", "model.safetensors",
                ])
            try write(model, to: path, maximumShardBytes: 300)
            #expect(try !Sample.names(path).contains("model.safetensors"))
            #expect(try HuggingFaceFolder(path: path).names == model.map(\.name).sorted())
        }
    }

    @Test func missingShardIsNamed() throws {
        try Sample.withFolder { path throws in
            try write(Sample.state(step: 1).model, to: path, maximumShardBytes: 300)
            let shard = try #require(try Sample.names(path).first { $0.hasPrefix("model-00002") })
            try FileManager.default.removeItem(atPath: path + "/" + shard)
            let error = thrown { _ = try HuggingFaceFolder(path: path) }
            #expect(error?.description.contains(shard) == true)
            #expect(error?.description.contains("is missing") == true)
        }
    }

    /// Writes shards, changes their index, and opens the folder.
    private func opened(
        changing change: (_ map: inout [String: String], _ path: String) throws -> Void
    ) throws -> HuggingFaceFolder {
        try Sample.withFolder { path throws in
            try write(Sample.state(step: 1).model, to: path, maximumShardBytes: 300)
            let index = URL(filePath: path + "/model.safetensors.index.json")
            let object = try JSONSerialization.jsonObject(with: Data(contentsOf: index))
            var map = try #require((object as? [String: Any])?["weight_map"] as? [String: String])
            try change(&map, path)
            try JSONSerialization.data(withJSONObject: ["weight_map": map]).write(to: index)
            return try HuggingFaceFolder(path: path)
        }
    }

    /// As transformers reads them: a head of its own is used, and one that is not known is refused later.
    @Test func tensorsThatTheIndexLeavesOutAreRead() throws {
        let names = Sample.state(step: 1).model.map(\.name).sorted()
        let folder = try opened { map, _ in
            let crowded = Dictionary(grouping: map.keys.sorted()) { map[$0]! }.values
                .first { $0.count > 1 }
            map[try #require(crowded?.first)] = nil
        }
        #expect(folder.names == names)
    }

    @Test func aTensorOfTwoShardsIsNamed() throws {
        var name = ""
        let error = thrown {
            _ = try opened { map, path in
                name = try #require(map.keys.min())
                try FileManager.default.copyItem(
                    atPath: "\(path)/\(map[name]!)", toPath: path + "/other.safetensors")
                map[name] = "other.safetensors"
            }
        }
        #expect(
            error?.description.contains("\(name) stands in ") == true, "\(error?.description ?? "")"
        )
    }

    @Test func wrongIndexIsNamed() throws {
        try Sample.withFolder { path throws in
            try write(Sample.state(step: 1).model, to: path)
            try FileManager.default.moveItem(
                atPath: path + "/model.safetensors", toPath: path + "/part.safetensors")
            let index = path + "/model.safetensors.index.json"
            for (text, part) in [
                ("{\"weight_map\": {\"x\": \"part.safetensors\"}}", "x is missing in"),
                ("{\"weight_map\": {\"x\": \"../part.safetensors\"}}", "expected file names"),
                ("{\"weight_map\": {}}", "is empty"), ("{}", "weight_map"),
            ] {
                try Data(text.utf8).write(to: URL(filePath: index))
                let error = thrown { _ = try HuggingFaceFolder(path: path) }
                #expect(error?.description.contains(part) == true, "\(part)")
            }
        }
    }

    @Test func otherWeightsAreRefusedWithAHint() throws {
        try Sample.withFolder { path throws in
            try Data("{}".utf8).write(to: URL(filePath: path + "/config.json"))
            #expect(
                thrown { _ = try HuggingFaceFolder(path: path) }
                    == .noWeights(folder: path, found: []))
            #expect(try HuggingFaceFolder.configuration(of: path) == "{}")
            try Data().write(to: URL(filePath: path + "/consolidated.00.pth"))
            let error = thrown { _ = try HuggingFaceFolder(path: path) }
            #expect(error == .noWeights(folder: path, found: ["consolidated.00.pth"]))
            #expect(error?.description.contains("safe_serialization=True") == true)
        }
    }

    @Test func absentFolderAndConfigurationAreNamed() throws {
        try Sample.withFolder { path throws in
            #expect(
                thrown { _ = try HuggingFaceFolder(path: path) }
                    == .missing(entry: "config.json", file: path))
            #expect(
                thrown { _ = try HuggingFaceFolder(path: path + "/no") }
                    == .system(call: "opendir", code: ENOENT, file: path + "/no"))
        }
    }

    private func write(
        _ arrays: [NamedArray], to path: String, maximumShardBytes: Int = 5_000_000_000
    ) throws {
        try HuggingFaceFolder.write(
            path, configuration: "{}",
            arrays: arrays.map { ArrayDescription(name: $0.name, shape: $0.shape) },
            maximumShardBytes: maximumShardBytes,
            extraFiles: ["generation_config.json": "{\"a\": 1}"]
        ) { array in arrays.first { $0.name == array.name }?.values ?? [] }
    }

    /// The order in which PyTorch lists GPT-2's parameters, which decides about shards.
    private func modelOrder(_ folder: HuggingFaceFolder) throws -> [ArrayDescription] {
        let block = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
        let modules =
            ["wte", "wpe"] + (0..<2).flatMap { layer in block.map { "h.\(layer).\($0)" } } + [
                "ln_f"
            ]
        let names = modules.flatMap { ["transformer.\($0).weight", "transformer.\($0).bias"] }
        return try names.filter(folder.contains).map {
            ArrayDescription(name: $0, shape: try folder.shape($0))
        }
    }
}
