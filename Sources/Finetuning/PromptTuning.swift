package import Autograd
import Files
package import Kernels
package import Models

/// What PEFT's PromptTuningConfig says.
package struct PromptTuningConfiguration: Equatable, Sendable {
    /// What the virtual tokens are at first.
    package enum Start: Equatable, Sendable {
        /// Normal numbers with deviation 1.
        case random
        /// Rows of the embedding table, drawn.
        case vocabulary
        /// Rows of the embedding table: those of a text's tokens, again and again.
        case text(String, ids: [Int32], tokenizer: String)
    }

    var keys = VirtualTokenKeys()
    package var start = Start.random

    package init(virtualTokens: Int) { keys.count = virtualTokens }

    /// - Throws: as ``PEFTConfiguration`` does.
    static func read(_ object: KeyedObject) throws(FinetuningError) -> PromptTuningConfiguration {
        let keys = try VirtualTokenKeys(object)
        var configuration = PromptTuningConfiguration(virtualTokens: keys.count)
        configuration.keys = keys
        // How they began does not matter any more.
        try object.refuseOthers(
            harmless: VirtualTokenKeys.harmless.merging([
                "prompt_tuning_init": .always, "prompt_tuning_init_text": .always,
                "tokenizer_name_or_path": .always, "tokenizer_kwargs": .always,
            ]) { $1 })
        return configuration
    }
}

/// Embeddings of virtual tokens before each text; the base stays as it is.
///
/// Source: Lester et al. 2021, arXiv:2104.08691, section 2, as PEFT 0.21 has it.
package final class PromptTuning: VirtualTokenMethod {
    package let name = "prompt_tuning"
    package let adapterParameters: [Parameter]
    package let slot: VirtualTokenSlot
    package let table: Parameter  // (P, C)
    private let configuration: PromptTuningConfiguration
    private let model: any LanguageModel

    /// Adds the embeddings to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the model has no place for them.
    init(
        _ configuration: PromptTuningConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        slot = try Self.slot(of: model, for: name)
        let about = model.description
        try configuration.keys.check(
            width: about.width, heads: about.heads, layers: about.layers)
        self.configuration = configuration
        self.model = model
        for parameter in model.parameters { parameter.isTrainable = false }
        table = (Scope(model.registry) / "prompt_encoder" / "embedding").parameter(
            "weight", [configuration.keys.count, about.width], .normal(deviation: 1))
        adapterParameters = [table]
        table.isLookedUp = true
        slot.tokens = self
    }

    package var count: Int { configuration.keys.count }
    package var shapeInFile: [Int] { table.shape.extents }
    package var isMade: Bool { false }
    package var baseInFile: String { configuration.keys.base }

    package var summary: [String] {
        let start =
            switch configuration.start {
            case .random: "drawn from a normal distribution"
            case .vocabulary: "drawn from the vocabulary"
            case .text(let text, let ids, _): "\"\(text)\" (\(ids.count) tokens)"
            }
        return ["Fine-tuning method: prompt tuning, \(count) virtual tokens, at first \(start)"]
    }

    package func front(in pass: ForwardPass) -> TextFront { .embeddings(table.rows(in: pass)) }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        workspace.initialize(table, seed: seed)
        guard let embedding = model.registry.embeddings.first?.embedding.weight else { return }
        let ids: [Int32]
        switch configuration.start {
        case .random: return
        case .vocabulary:
            let key = RandomStream.key(seed: seed, name: table.name)
            let rows = UInt64(embedding.shape.extents[0])
            ids = (0..<UInt64(count)).map { Int32(RandomStream.mixed(key, $0) % rows) }
        case .text(let text, let own, _):
            guard !own.isEmpty else {
                throw .invalid(
                    setting: "prompt_tuning_init_text", found: "'\(text)'",
                    expected: "a text with tokens")
            }
            ids = (0..<count).map { own[$0 % own.count] }
        }
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        let rows = pass.embedding(ids, batch: 1, table: embedding)
        workspace.assign(workspace.numbers(rows).map { $0 * slot.embeddingScale }, to: table)
    }

    package func numbersForFile(in workspace: Workspace) -> [Float] { workspace.numbers(table) }

    package func adapterConfiguration(base: String) -> String {
        var (kind, text, tokenizer) = ("RANDOM", JSONValue.null, JSONValue.null)
        switch configuration.start {
        case .random: break
        case .vocabulary: kind = "SAMPLE_VOCAB"
        case .text(let given, _, let place):
            (kind, text, tokenizer) = ("TEXT", .string(given), .string(place))
        }
        let about = model.description
        return configuration.keys.adapterConfiguration(
            "PROMPT_TUNING", base: base, width: about.width, heads: about.heads,
            layers: about.layers,
            [
                ("prompt_tuning_init", .string(kind)), ("prompt_tuning_init_text", text),
                ("tokenizer_name_or_path", tokenizer), ("tokenizer_kwargs", .null),
            ])
    }
}
