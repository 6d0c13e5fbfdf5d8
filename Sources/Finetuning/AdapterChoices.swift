package import Kernels
package import Models

/// Several adapters over one base, of which one at a time is at work, or none.
///
/// Made before the model has memory; ``read(in:)`` once the base's weights are filled in.
package final class AdapterChoices {
    private struct Choice {
        let folder: AdapterFolder
        let method: any FinetuningMethod
        let linears: [(linear: Linear, adapter: any LinearAdapter)]
        let embeddings: [(embedding: TokenEmbedding, adapter: any EmbeddingAdapter)]
    }

    private var choices: [Choice] = []
    private var chosen: Int?

    /// - Throws: ``FinetuningError`` where an adapter does not fit the model, is no change of layers, or
    ///   changes the base.
    package init(
        _ folders: [AdapterFolder], attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        for folder in folders {
            switch folder.kind {
            case .lora, .oft, .boft, .ia3: break
            case .promptTuning, .pTuning, .prefixTuning, .bottleneck:
                throw .unsupported(
                    what: "\(folder.path) beside other adapters, as it is none of linear layers",
                    advice: "serve it alone, with adapter_name_or_path")
            }
            let method = try AdapterCatalog.method(of: folder, attachingTo: model)
            let choice = Choice(
                folder: folder, method: method,
                linears: model.registry.linears.compactMap { _, linear in
                    linear.adapter.map { (linear, $0) }
                },
                embeddings: model.registry.embeddings.compactMap { _, embedding in
                    embedding.adapter.map { (embedding, $0) }
                })
            for (linear, _) in choice.linears { linear.adapter = nil }
            for (embedding, _) in choice.embeddings { embedding.adapter = nil }
            choices.append(choice)
        }
    }

    /// Reads the numbers of all of them.
    package func read(in workspace: Workspace) throws(FinetuningError) {
        for choice in choices {
            try choice.method.initialize(seed: 0, in: workspace)
            try choice.method.read(from: choice.folder.path, in: workspace)
            guard !choice.method.changesBase else {
                throw .unsupported(
                    what: "\(choice.folder.path) beside other adapters, as it holds numbers of the "
                        + "base itself",
                    advice: "serve it alone, with adapter_name_or_path")
            }
        }
    }

    /// Puts one of them to work; none with `nil`.
    package func use(_ index: Int?) {
        guard index != chosen else { return }
        if let chosen {
            for (linear, _) in choices[chosen].linears { linear.adapter = nil }
            for (embedding, _) in choices[chosen].embeddings { embedding.adapter = nil }
        }
        if let index {
            for (linear, adapter) in choices[index].linears { linear.adapter = adapter }
            for (embedding, adapter) in choices[index].embeddings { embedding.adapter = adapter }
        }
        chosen = index
    }
}
