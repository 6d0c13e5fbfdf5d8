import Configuration
import ConfigurationSupport
import Foundation
import TestSupport
import Testing

@Suite struct ConfigurationFilesTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.makeFolder("model")
        try folder.write("model/config.json", "{}")
        _ = try folder.makeFolder("shards")
        try folder.write("shards/train-0.bin")
        try folder.write("text.txt", "hello")
    }

    /// A run inside the folder; `changes` are paths relative to it, or `nil` to leave a key out.
    private func message(
        _ command: RunConfiguration.Command = .train, _ changes: [String: String?] = [:],
        _ flags: [String: Bool] = ["train_from_scratch": true], method: String = "full"
    ) throws -> String? {
        var paths: [String: String?] = [
            "model_name_or_path": "model", "tokenized_path": "shards", "output_dir": "saves/new",
        ]
        paths.merge(changes) { $1 }
        var all = values(["stage": .string("pt"), "finetuning_type": .string(method)])
        for case (let key, let path?) in paths {
            all[key] = ConfigurationValue(
                .string(folder.path(path)), place: .line(3, file: "r.yaml"))
        }
        for (key, flag) in flags { all[key] = ConfigurationValue(.bool(flag)) }
        let run = try RunConfiguration(values: all, command: command)
        do {
            try run.validateFiles()
            return nil
        } catch {
            return "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
        }
    }

    @Test func soundFilesPassAndNothingIsWritten() throws {
        let before = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        #expect(try message() == nil)
        #expect(try message(.plan) == nil)
        let after = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        #expect(before == after)
    }

    @Test func anAbsentModelIsNamed() throws {
        #expect(
            try message(.train, ["model_name_or_path": "gone"])
                == "r.yaml line 3: model_name_or_path: 'gone' does not exist; models are read from "
                + "local files, so download it first")
        #expect(
            try message(.train, ["model_name_or_path": "shards"])
                == "r.yaml line 3: model_name_or_path: 'shards' holds no config.json, so it is no "
                + "model folder")
        #expect(
            try message(.train, ["model_name_or_path": "text.txt"])
                == "r.yaml line 3: model_name_or_path: 'text.txt' is neither a Hugging Face folder "
                + "nor a .gguf file nor a checkpoint-N.h5")
        #expect(
            try message(.train, [:], [:])
                == "r.yaml line 3: model_name_or_path: 'model' holds no model.safetensors or "
                + "pytorch_model.bin; to draw them anew set train_from_scratch: true")
    }

    @Test func absentShardsAreNamed() throws {
        #expect(
            try message(.train, ["tokenized_path": "gone"])
                == "r.yaml line 3: tokenized_path: 'gone' does not exist; write it with `lockstep "
                + "prepare` and this configuration")
        _ = try folder.makeFolder("empty")
        #expect(
            try message(.train, ["tokenized_path": "empty"])
                == "r.yaml line 3: tokenized_path: 'empty' is empty; fill it with `lockstep "
                + "prepare` and this configuration")
    }

    @Test func anOutputFolderThatCannotBeIsNamed() throws {
        #expect(
            try message(.train, ["output_dir": "text.txt"])
                == "r.yaml line 3: output_dir: 'text.txt' is a file, but must be a folder")
        #expect(
            try message(.train, ["output_dir": "text.txt/inside"])
                == "r.yaml line 3: output_dir: 'text.txt/inside' cannot be made, since 'text.txt' "
                + "is a file")
    }

    @Test func filesOfMonitorsThatCannotBeAreNamed() throws {
        #expect(
            try message(.train, ["metrics_file": "model"])
                == "r.yaml line 3: metrics_file: 'model' is a folder, but must be a file")
        #expect(
            try message(.train, ["metrics_file": "text.txt/a.prom"])
                == "r.yaml line 3: metrics_file: 'text.txt' is a file, but must be a folder")
        #expect(try message(.train, ["metrics_file": "new/a.prom"]) == nil)
    }

    @Test func anAbsentCheckpointIsNamed() throws {
        #expect(
            try message(.train, ["resume_from_checkpoint": "checkpoint-5.h5"])
                == "r.yaml line 3: resume_from_checkpoint: 'checkpoint-5.h5' does not exist; give a "
                + "checkpoint-N.h5, or true for the newest of output_dir")
        let flags = ["train_from_scratch": true, "resume_from_checkpoint": true]
        #expect(
            try message(.train, [:], flags)
                == "resume_from_checkpoint: 'saves/new' holds no checkpoint-N.h5; leave the key out "
                + "to begin at step 0")
        _ = try folder.makeFolder("saves")
        _ = try folder.makeFolder("saves/new")
        try folder.write("saves/new/checkpoint-5.h5")
        #expect(try message(.train, [:], flags) == nil)
    }

    @Test func preparingNeedsItsTextAndTokenizer() throws {
        let tokenizer =
            "r.yaml line 3: model_name_or_path: 'model' holds no tokenizer.json, so it is "
            + "no tokenizer folder"
        #expect(try message(.prepare, ["dataset": "text.txt"]) == tokenizer)
        try folder.write("model/tokenizer.json", "{}")
        #expect(try message(.prepare, ["dataset": "text.txt"]) == nil)
        #expect(try message(.prepare, ["dataset": "*.nothing"]) == nil)
        #expect(
            try message(.prepare, ["dataset": "gone.txt"])
                == "r.yaml line 3: dataset: 'gone.txt' is no file or folder, nor a name in "
                + "data/dataset_info.json")
        #expect(
            try message(.prepare, ["dataset": "text.txt", "tokenizer_name_or_path": "gone"])
                == "r.yaml line 3: tokenizer_name_or_path: 'gone' does not exist; give the folder "
                + "of the tokenizer")
    }

    @Test func exportingNeverOverwritesItsModel() throws {
        try folder.write("model/model.safetensors")
        #expect(try message(.export, ["export_dir": "out"]) == nil)
        #expect(
            try message(.export, ["export_dir": "model"])
                == "r.yaml line 3: export_dir: 'model' is the model's own folder; choose another")
        try folder.write("lora/adapter_config.json", "{}")
        #expect(
            try message(.export, ["export_dir": "lora", "adapter_name_or_path": "lora"])
                == "r.yaml line 3: export_dir: 'lora' is the adapter's own folder; choose another")
    }

    @Test func trainingNeverOverwritesAnAdapterItReads() throws {
        for name in ["lora", "other"] { try folder.write("\(name)/adapter_config.json", "{}") }
        try folder.write("model/model.safetensors")
        try folder.write("model/tokenizer.json", "{}")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: folder.path("other"))
        func found(_ adapters: String, _ output: String) throws -> String? {
            try message(
                .train, ["adapter_name_or_path": adapters, "output_dir": output], [:],
                method: "lora")
        }
        let both = "lora,\(folder.path("other"))"
        for (adapters, output) in [
            ("lora", "lora"), (both, "lora"), (both, "other"), ("other", "link"), ("link", "other"),
        ] {
            #expect(
                try found(adapters, output)
                    == "r.yaml line 3: output_dir: '\(output)' is the folder of adapter_name_or_path, "
                    + "over which the run would write; choose another")
        }
        #expect(try found(both, "saves/new") == nil)
        #expect(try found("lora", "other") == nil)
    }

    /// Whatever leads there: a link, a path with dots, the name of config.json.
    @Test func trainingNeverOverwritesTheModelItReads() throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: folder.path("model"))
        for (model, output) in [
            ("model", "model"), ("model", "shards/../model/"), ("link", "model"),
            ("model", "link"), ("model/config.json", "model"),
        ] {
            #expect(
                try message(.train, ["model_name_or_path": model, "output_dir": output])?.hasSuffix(
                    "is the folder of model_name_or_path, over which the run would write; choose "
                        + "another") == true, "\(model) \(output)")
        }
        #expect(
            try message(.train, ["output_dir": "model"])
                == "r.yaml line 3: output_dir: 'model' is the folder of model_name_or_path, over which "
                + "the run would write; choose another")
        #expect(try message(.train, ["output_dir": "model/out"]) == nil)
        // A run that learns nothing writes no model.
        try folder.write("model/model.safetensors")
        try folder.write("model/tokenizer.json", "{}")
        #expect(
            try message(
                .train, ["output_dir": "model", "eval_dataset": "text.txt"],
                ["do_train": false, "do_eval": true]) == nil)
    }

    @Test func anAdapterInPlaceOfAModelIsNamed() throws {
        try folder.write("lora/adapter_config.json", "{}")
        #expect(
            try message(.export, ["model_name_or_path": "lora", "export_dir": "out"])
                == "r.yaml line 3: model_name_or_path: 'lora' holds an adapter; give its base here, "
                + "and the folder as adapter_name_or_path")
    }

    @Test func datasetNamesAreResolvedThroughTheCatalog() throws {
        try folder.write(
            "dataset_info.json",
            """
            {"wiki": {"file_name": "wiki.jsonl", "columns": {"prompt": "body"}, "num_samples": 9},
             "chat": {"file_name": "chat.json", "formatting": "sharegpt"},
             "typo": {"file_name": "wiki.jsonl", "colums": {"prompt": "body"}},
             "hub": {"hf_hub_url": "org/name"}, "none": {"file_name": "wiki.jsonl", "num_samples": 0}}
            """)
        func sources(_ names: [String], limit: Int? = nil) throws -> [DatasetSource] {
            try DatasetSource.named(
                names, key: "dataset", folder: folder.path, textColumn: "text",
                maxDocuments: limit, place: .unknown)
        }
        let found = try sources(["wiki", "texts/*.txt"])
        #expect(found.map(\.path) == [folder.path("wiki.jsonl"), "texts/*.txt"])
        #expect(found.map(\.textColumn) == ["body", "text"])
        #expect(found.map(\.sampleCount) == [9, nil])
        #expect(found.map(\.isListed) == [true, false])
        #expect(try sources(["wiki"], limit: 4).map(\.maxDocuments) == [4])
        #expect(throws: ConfigurationError.self) { try sources(["chat"]) }
        #expect(throws: ConfigurationError.self) { try sources(["hub"]) }
        #expect(throws: ConfigurationError.self) { try sources(["none"]) }
        // A key that is misspelled is refused, as with stage: sft, where it would say which column.
        #expect(
            throws: ConfigurationError.file(
                key: "dataset", path: "typo",
                problem: "in dataset_info.json: key: colums is not known; did you mean columns?",
                place: .unknown)
        ) { try sources(["typo"]) }
        try folder.write("dataset_info.json", "[1]")
        #expect(throws: ConfigurationError.self) { try sources(["wiki"]) }
    }
}
