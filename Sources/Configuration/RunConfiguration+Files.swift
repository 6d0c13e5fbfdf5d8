import Foundation
import WeightFiles

extension RunConfiguration {
    /// Checks that the files and folders the command needs are there, and writes nothing.
    ///
    /// - Throws: ``ConfigurationError`` `file` for the first that is absent or unusable.
    package func validateFiles() throws(ConfigurationError) {
        switch command {
        case .train:
            try validateModel(needsWeights: !model.trainFromScratch)
            if settings.isGiven("tokenizer_name_or_path") { try validateTokenizer() }
            if settings.preparesShards {
                try validateTokenizer()
                try validateDatasets()
            } else if settings.readsRunningText {
                try validateShards()
                if !data.evalDataset.isEmpty {
                    try validateTokenizer()
                    try validateSources("eval_dataset", evalDatasetSources())
                }
            } else {
                try validateExamples()
            }
            try validateWritable("output_dir", output.outputDir)
            try validateOutputIsElsewhere()
            if output.writesEvents { try validateWritable("logging_dir", output.loggingDir) }
            try validateMetricsFile()
            try validateResume()
        case .prepare:
            try validateTokenizer()
            if method.stage == .pretraining { try validateDatasets() }
            try validateWritable("tokenized_path", data.tokenizedPath)
            try validateStageOfTokens()
        case .generate, .chat, .score:
            try validateModel(needsWeights: true)
        case .eval:
            try validateModel(needsWeights: true)
            try validateWritable("save_dir", tasks.saveDir)
        case .export:
            try validateModel(needsWeights: true)
            try validateWritable("export_dir", export.exportDir)
            try validateExportIsElsewhere()
        case .plan, .bench:
            try validateModel(needsWeights: false)
        }
    }

    enum PathKind { case absent, file, folder }

    func kind(of path: String) -> PathKind {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            return .absent
        }
        return isFolder.boolValue ? .folder : .file
    }

    func problem(_ key: String, _ path: String, _ problem: String) -> ConfigurationError {
        .file(key: key, path: path, problem: problem, place: settings.place(key))
    }

    func names(in folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    private func validateModel(needsWeights: Bool) throws(ConfigurationError) {
        let key = "model_name_or_path"
        guard let path = model.modelNameOrPath else { return }
        switch kind(of: path) {
        case .absent:
            throw problem(
                key, path,
                "does not exist; models are read from local files, so download it first")
        case .file:
            guard [".gguf", ".h5", ".json"].contains(where: path.hasSuffix) else {
                throw problem(
                    key, path,
                    "is neither a Hugging Face folder nor a .gguf file nor a checkpoint-N.h5")
            }
        case .folder:
            let names = names(in: path)
            guard names.contains("config.json") else {
                throw problem(
                    key, path,
                    names.contains("adapter_config.json")
                        ? "holds an adapter; give its base here, and the folder as "
                            + "adapter_name_or_path"
                        : "holds no config.json, so it is no model folder")
            }
            if needsWeights, HuggingFaceFolder.weightFiles(among: Array(names)).isEmpty {
                throw problem(
                    key, path,
                    command == .train
                        ? "holds no model.safetensors or pytorch_model.bin; to draw them anew set "
                            + "train_from_scratch: true"
                        : "holds no model.safetensors or pytorch_model.bin")
            }
        }
    }

    private func validateTokenizer() throws(ConfigurationError) {
        let key =
            settings.isGiven("tokenizer_name_or_path")
            ? "tokenizer_name_or_path" : "model_name_or_path"
        guard let path = model.tokenizerNameOrPath else { return }
        switch kind(of: path) {
        case .absent: throw problem(key, path, "does not exist; give the folder of the tokenizer")
        case .file: return
        case .folder:
            let files = ["tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model"]
            guard !Set(files).isDisjoint(with: names(in: path)) else {
                throw problem(key, path, "holds no tokenizer.json, so it is no tokenizer folder")
            }
        }
    }

    private func validateShards() throws(ConfigurationError) {
        guard let path = data.tokenizedPath else { return }
        switch kind(of: path) {
        case .file: return
        case .absent:
            throw problem(
                "tokenized_path", path,
                "does not exist; write it with `lockstep prepare` and this configuration")
        case .folder:
            guard !names(in: path).isEmpty else {
                throw problem(
                    "tokenized_path", path,
                    "is empty; fill it with `lockstep prepare` and this configuration")
            }
            try validateStageOfTokens()
        }
    }

    private func validateDatasets() throws(ConfigurationError) {
        try validateSources("dataset", datasetSources())
        try validateSources("eval_dataset", evalDatasetSources())
    }

    private func validateSources(
        _ key: String, _ sources: [DatasetSource]
    ) throws(ConfigurationError) {
        for source in sources where kind(of: source.path) == .absent {
            // Patterns are searched when the text is read.
            if source.path.contains(where: "*?[".contains) { continue }
            let catalog = data.datasetDir + "/dataset_info.json"
            throw problem(
                key, source.path,
                source.name == source.path
                    ? "is no file or folder, nor a name in \(catalog)"
                    : "does not exist, though \(catalog) names it for '\(source.name)'")
        }
    }

    /// Passes when the folder exists and can be written to, or can be made.
    private func validateWritable(_ key: String, _ path: String?) throws(ConfigurationError) {
        guard let path else { return }
        var place = URL(fileURLWithPath: path).standardizedFileURL
        while kind(of: place.path) == .absent, place.path != "/" {
            place.deleteLastPathComponent()
        }
        guard kind(of: place.path) == .folder else {
            throw problem(
                key, path,
                place.path == URL(fileURLWithPath: path).standardizedFileURL.path
                    ? "is a file, but must be a folder"
                    : "cannot be made, since '\(place.path)' is a file")
        }
        guard FileManager.default.isWritableFile(atPath: place.path) else {
            throw problem(key, path, "is not writable; choose another folder or its permissions")
        }
    }

    /// Passes when the file can be replaced or made.
    private func validateMetricsFile() throws(ConfigurationError) {
        guard let path = output.metricsFile else { return }
        guard kind(of: path) != .folder, !path.hasSuffix("/") else {
            throw problem("metrics_file", path, "is a folder, but must be a file")
        }
        // A file is replaced by a rename, for which its folder must be writable.
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try validateWritable("metrics_file", folder)
    }

    private func validateResume() throws(ConfigurationError) {
        switch output.resume {
        case .automatic, .never: return
        case .checkpoint(let path):
            let advice = "give a checkpoint-N.h5, or true for the newest of output_dir"
            switch kind(of: path) {
            case .file: return
            case .absent: throw problem("resume_from_checkpoint", path, "does not exist; " + advice)
            case .folder:
                throw problem(
                    "resume_from_checkpoint", path, "holds no checkpoint-N.h5; " + advice)
            }
        case .newest:
            guard let folder = output.outputDir else { return }
            let found = names(in: folder).contains {
                $0.hasPrefix("checkpoint-") && $0.hasSuffix(".h5")
            }
            guard !found else { return }
            throw problem(
                "resume_from_checkpoint", folder,
                "holds no checkpoint-N.h5; leave the key out to begin at step 0")
        }
    }

    private func validateExportIsElsewhere() throws(ConfigurationError) {
        guard let source = model.modelNameOrPath, let target = export.exportDir else { return }
        if Self.areOneFolder(source, target) {
            throw problem("export_dir", target, "is the model's own folder; choose another")
        }
        // Beside the merged weights, transformers would put the adapter to work a second time.
        if adapter.adapterNameOrPath.contains(where: { Self.areOneFolder($0, target) }) {
            throw problem("export_dir", target, "is the adapter's own folder; choose another")
        }
    }

    /// Passes unless what is learned would be written over a model or an adapter that is read.
    private func validateOutputIsElsewhere() throws(ConfigurationError) {
        guard method.doTrain, let target = output.outputDir else { return }
        let models = [
            ("model_name_or_path", model.modelNameOrPath), ("ref_model", preference.refModel),
            ("reward_model", reward.model),
        ]
        let adapters = adapter.adapterNameOrPath.map { ("adapter_name_or_path", Optional($0)) }
        for (key, path) in models + adapters {
            guard let path, Self.areOneFolder(path, target) else { continue }
            throw problem(
                "output_dir", target,
                "is the folder of \(key), over which the run would write; choose another")
        }
    }

    /// Whether a model's path and a folder's are one place, whatever links lead there. A model's may name
    /// its config.json.
    package static func areOneFolder(_ model: String, _ folder: String) -> Bool {
        let url = URL(fileURLWithPath: model)
        let place = url.lastPathComponent == "config.json" ? url.deletingLastPathComponent() : url
        return place.resolvingSymlinksInPath().path
            == URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    }
}
