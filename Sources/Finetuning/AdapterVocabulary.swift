package import Models

extension LanguageModel {
    /// The names of the token embedding and the head, as additional_target has them.
    package var vocabularyModules: [String] {
        vocabularyPaths.map(LoRAPlan.leaf)
    }

    fileprivate var vocabularyPaths: [String] {
        registry.embeddings.map(\.path) + [LoRAPlan.headPath(self)]
    }
}

extension AdapterFolder {
    /// How many rows the embedding has that the adapter brings along, where they are more than the
    /// model's: its run has added tokens. Else `nil`.
    ///
    /// - Throws: ``FinetuningError/unsupported(what:advice:)`` where the head has not grown with it, and
    ///   what reading the file throws.
    package func vocabularyRows(
        beyond model: any LanguageModel
    ) throws(FinetuningError) -> Int? {
        switch kind {
        case .lora, .oft, .boft, .ia3: break
        // They have no modules_to_save.
        case .promptTuning, .pTuning, .prefixTuning, .bottleneck: return nil
        }
        let file = try AdapterTensors.open(path, Self.weightsFile)
        let rows = model.vocabularyPaths.map { path in
            ["", ".base_layer"].lazy.compactMap {
                file.tensor(Self.prefix + path + $0 + ".weight")?.shape.first
            }.first
        }
        let most = rows.compactMap { $0 }.max() ?? 0
        guard most > model.description.vocabularySize else { return nil }
        guard model.isTied || rows.allSatisfy({ $0 == most }) else {
            throw .unsupported(
                what: "\(file.path): an adapter with \(most) rows of only one of "
                    + model.vocabularyModules.joined(separator: " and "),
                advice: "save it with both in modules_to_save")
        }
        return most
    }
}
