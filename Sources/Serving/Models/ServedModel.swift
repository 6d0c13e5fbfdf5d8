package import Configuration
import Foundation
package import Generation
package import Templates
package import Tokenizers

/// A model that continues texts.
package struct ServedModel: ServedEntry {
    /// What requests call it.
    package private(set) var name: String
    /// Seconds since 1970.
    package let created: Int
    package let engine: AnswerEngine
    package let tokenizer: any Tokenizer
    let tokenTexts: TokenTexts
    let constraints: ConstraintTokens
    /// What writes conversations; `nil` for a model without a template.
    package let encoder: (any ConversationEncoding)?
    /// Why there is no ``encoder``.
    package let templateProblem: String
    /// How answers are written where a request does not say.
    package let settings: ChatSession.Settings
    /// The ids that end a text.
    package let endTokens: Set<Int32>
    package let vocabularySize: Int
    /// Lines for the user about how answers are drawn.
    package let notes: [String]
    /// Where its files lie, for what they say of vectors.
    let path: String
    private(set) var adapters: [String]
    private let choices: [String]
    /// Which of the engine's adapters answers; `nil` for none of them.
    private(set) var adapter: Int?

    /// Reads a model as a configuration describes it and starts its engine.
    ///
    /// - Parameters:
    ///   - name: in place of its folder's.
    ///   - choices: folders of adapters for ``withAdapter(_:name:)``.
    /// - Throws: ``GenerationError``.
    package init(
        _ configuration: RunConfiguration, name: String?, threads: Int,
        _ settings: AnswerEngine.Settings, choices: [String] = []
    ) throws(GenerationError) {
        guard choices.isEmpty || configuration.adapter.adapterNameOrPath.isEmpty else {
            throw .user(
                "adapter_name_or_path and API_ADAPTERS are both given; name all adapters in "
                    + "API_ADAPTERS, each is served beside the others")
        }
        let chat = try ChatModel(
            configuration, threads: threads, needsTemplate: false, choices: choices)
        guard let tokenizer = chat.inference.tokenizer else {
            throw .user("the model \(chat.path) has no tokenizer.json")
        }
        guard chat.settings.sampling.beams.count == 1 else {
            throw .user(
                "num_beams is \(chat.settings.sampling.beams.count), but a server draws each token "
                    + "when it is due; leave num_beams out")
        }
        self.name = name ?? URL(fileURLWithPath: chat.path).standardizedFileURL.lastPathComponent
        created = Int(Date().timeIntervalSince1970)
        self.tokenizer = tokenizer
        tokenTexts = TokenTexts(tokenizer)
        encoder = chat.encoder
        templateProblem = chat.templateProblem
        self.settings = chat.settings
        endTokens = chat.inference.endTokens
        vocabularySize = chat.inference.model.description.vocabularySize
        constraints = ConstraintTokens(tokenTexts, vocabulary: vocabularySize)
        notes = chat.notes
        path = chat.path
        adapters = configuration.adapter.adapterNameOrPath
        engine = AnswerEngine(chat.inference, settings)
        self.choices = choices
    }

    /// The same with one of the adapters that it was read with, under another name.
    package func withAdapter(_ index: Int, name: String) -> ServedModel {
        var model = self
        (model.name, model.adapter, model.adapters) = (name, index, [choices[index]])
        return model
    }
}
