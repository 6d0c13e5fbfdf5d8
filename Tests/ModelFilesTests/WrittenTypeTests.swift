import Configuration
import ConfigurationSupport
import Files
import ModelFiles
import TestSupport
import Testing
import WeightFiles

/// The type of the weights that an exported folder's config.json names, in which transformers computes.
@Suite struct WrittenTypeTests {
    private let target = TestFolder()

    private func export(
        _ source: String, to name: String, as type: String
    ) throws -> (configuration: JSONValue, weights: Set<String>) {
        let configuration = try RunConfiguration(
            values: values([
                "model_name_or_path": .string(source), "export_dir": .string(target(name)),
                "infer_dtype": .string(type),
            ]), command: .export)
        _ = try ModelFolderExport(configuration).run()
        let folder = try HuggingFaceFolder(path: target(name))
        return (
            try JSONValueReader.read(folder.configuration),
            Set(try folder.names.map { try folder.type($0) })
        )
    }

    @Test(arguments: [["dtype"], ["torch_dtype"], ["dtype", "torch_dtype"], []])
    func theConfigurationNamesTheTypeOfTheWeights(keys: [String]) throws {
        let folder = try ModelFolder("llama")
        try folder.change(
            ["dtype", "torch_dtype"].map { key in
                (key: key, value: keys.contains(key) ? .string("bfloat16") : .null)
            })
        for (type, name) in [("float32", "F32"), ("bfloat16", "BF16"), ("float16", "F16")] {
            let made = try export(folder.path, to: type, as: type)
            #expect(made.weights == [name])
            // The keys that were there, or else the one that transformers writes now.
            let expected = keys.isEmpty ? ["dtype"] : keys
            for key in ["dtype", "torch_dtype"] {
                #expect(
                    made.configuration[key] == (expected.contains(key) ? .string(type) : nil),
                    "\(key)")
            }
            // Exported once more without being told, it stays what it is.
            let again = try export(target(type), to: type + "-again", as: "auto")
            #expect(again.weights == [name])
            #expect(again.configuration == made.configuration)
        }
    }

    @Test func theConfigurationsOfAModelsPartsNameItToo() throws {
        let folder = try ModelFolder("gemma3", in: "architectures")
        let text = try JSONValueReader.read(HuggingFaceFolder(path: folder.path).configuration)
        let part = try #require(text["text_config"])
        try folder.change([
            ("text_config", part.setting("torch_dtype", to: .string("bfloat16"))),
            ("torch_dtype", .null),
        ])
        let made = try export(folder.path, to: "made", as: "float16")
        #expect(made.weights == ["F16"])
        #expect(made.configuration["dtype"] == .string("float16"))
        #expect(made.configuration["text_config"]?["torch_dtype"] == .string("float16"))
        #expect(made.configuration["text_config"]?["dtype"] == nil)
    }
}
