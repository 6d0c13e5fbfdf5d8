import Configuration
import ConfigurationSupport
import Files
import Kernels
import ModelFiles
import TestSupport
import Testing

/// What the kept log-probabilities of a reference are told apart by, and how a run's second model is read.
@Suite struct ModelOriginTests {
    private let folder: ModelFolder

    init() throws {
        folder = try ModelFolder("llama", in: "models")
        // Rotary positions as they are, 64 of them.
        try folder.change([("rope_scaling", .null)])
    }

    private func run(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content> = [:]
    ) throws -> RunConfiguration {
        var all = values([
            "stage": .string("dpo"), "model_name_or_path": .string(folder.path),
            "finetuning_type": .string("full"), "dataset": .string("pairs"),
            "output_dir": .string("saves/tiny"), "template": .string("qwen"),
            "cutoff_len": .int(32),
        ])
        for (key, content) in contents {
            all[key] = ConfigurationValue(content, place: .line(20, file: "run.yaml"))
        }
        return try RunConfiguration(values: all, command: .train)
    }

    private func origin(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content> = [:]
    ) throws -> ModelOrigin {
        let run = try run(contents)
        return try ModelSetup(ModelSource(path: folder.path), run).origin
    }

    @Test func whatChangesNothingAtFirstIsTheSameModel() throws {
        let full = try origin()
        #expect(full.files.contains(folder.path + "/model.safetensors"))
        for type in ["freeze", "lora", "oft", "boft", "ia3"] {
            #expect(try origin(["finetuning_type": .string(type)]) == full, "\(type)")
        }
        #expect(
            try origin([
                "finetuning_type": .string("lora"), "lora_rank": .int(3), "seed": .int(7),
                "cutoff_len": .int(48), "pref_beta": .double(0.3),
            ]) == full)
        #expect(
            try origin(["finetuning_type": .string("lora"), "pissa_init": .bool(true)]) != full)
        #expect(try origin(["precision": .string("bf16")]) != full)
    }

    @Test(arguments: ["prompt_tuning", "p_tuning", "prefix_tuning", "adapter"])
    func whatIsDrawnIsAnotherModelWithEachSettingAndSeed(type: String) throws {
        let method = ConfigurationValue.Content.string(type)
        let first = try origin(["finetuning_type": method])
        #expect(try origin(["finetuning_type": method]) == first)
        #expect(try origin(["finetuning_type": method, "cutoff_len": .int(24)]) == first)
        #expect(try origin() != first)
        #expect(try origin(["finetuning_type": method, "seed": .int(7)]) != first)
        let size = type == "adapter" ? "adapter_reduction_factor" : "num_virtual_tokens"
        #expect(try origin(["finetuning_type": method, size: .int(4)]) != first)
    }

    @Test func cutoffCountsWhereItStretchesPositions() throws {
        func origins(_ length: Int) throws -> [ModelOrigin] {
            let scaled = try run([
                "rope_scaling": .string("linear"), "cutoff_len": .int(length),
                "ref_model": .string(folder.path),
            ])
            return [
                try ModelSetup(ModelSource(path: folder.path), scaled).origin,
                try SecondModel(
                    folder.path, adapters: [], of: scaled, computeType: .float32
                ).origin(),
            ]
        }
        let own = try origins(64)
        // Factor 2 up to 128 positions, then 3.
        let (shorter, short, long) = (try origins(100), try origins(128), try origins(129))
        for model in own.indices {
            #expect(own[model] != short[model])
            #expect(shorter[model] == short[model])
            #expect(short[model] != long[model])
        }
        #expect(try origin() == own[0])
    }

    @Test func aSecondModelHasTheRunsPositions() throws {
        let scaled = try run(["rope_scaling": .string("linear"), "cutoff_len": .int(100)])
        let second = SecondModel(folder.path, adapters: [], of: scaled, computeType: .float32)
        for model in [
            try second.decoder(in: Workspace(threads: 1)),
            try second.withRewards(in: Workspace(threads: 1)),
        ] {
            let file = try JSONValueReader.read(model.model.description.configuration)
            #expect(file["rope_scaling"]?["factor"]?.double == 2)
            #expect(model.model.description.maximumPositions == 128)
        }
    }
}
