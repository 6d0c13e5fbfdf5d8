import TextData

// What stands in tokenized_path, which each stage fills in its own way.
extension RunConfiguration {
    /// Refuses a folder that another stage or another program has filled.
    func validateStageOfTokens() throws(ConfigurationError) {
        guard let path = data.tokenizedPath else { return }
        let names = Set(names(in: path))
        let hasExamples = names.contains(TokenizedFile.name)
        let hasShards = names.contains(CorpusManifest.fileName)
        switch method.stage {
        case .pretraining:
            guard hasExamples, !hasShards else { return }
            throw problem(
                "tokenized_path", path,
                "holds encoded conversations (\(TokenizedFile.name)), which stage: sft reads, but "
                    + "stage is pt; give another folder or the other stage")
        case .classification, .preference, .desirability, .ranking, .policy, .groupPolicy: break
        case .supervised:
            guard !hasExamples else { return }
            if hasShards || names.contains(where: CorpusManifest.isShard) {
                throw problem(
                    "tokenized_path", path,
                    "holds shards of running text, which stage: pt reads, but stage is sft; give "
                        + "another folder or the other stage")
            }
            if names.contains("dataset_dict.json") {
                throw problem(
                    "tokenized_path", path,
                    "holds what LLaMA-Factory has tokenized (dataset_dict.json), which is not read "
                        + "here; give a folder of its own, which `lockstep prepare` fills")
            }
        }
    }

    /// Checks the folder of a finetuning run's examples.
    func validateExamples() throws(ConfigurationError) {
        guard let path = data.tokenizedPath else { return }
        let kind = kind(of: path)
        guard kind != .file else {
            throw problem(
                "tokenized_path", path,
                "is a file, but with stage: sft it is a folder that `lockstep prepare` fills")
        }
        try validateStageOfTokens()
        let isThere = names(in: path).contains(TokenizedFile.name)
        if isThere, !data.overwriteCache { return }
        let state =
            isThere
            ? "would be written anew (overwrite_cache: true)"
            : kind == .absent ? "does not exist" : "holds no \(TokenizedFile.name)"
        if data.streaming {
            throw problem(
                "tokenized_path", path,
                "\(state), and with streaming: true a run keeps nothing; write it with `lockstep "
                    + "prepare` and this configuration, or leave out one of the two keys")
        }
        if data.dataset.isEmpty, method.doTrain || data.evalDataset.isEmpty {
            throw problem(
                "tokenized_path", path,
                "\(state), and no dataset is named to fill it from; write it with `lockstep "
                    + "prepare` and this configuration")
        }
    }
}
