package import Configuration
import Foundation
package import Generation
import Synchronization
package import Templates
package import Tokenizers

/// A model that answers requests.
package struct ServedModel: Sendable {
    /// What requests call it.
    package let name: String
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

    /// Reads a model as a configuration describes it and starts its engine.
    ///
    /// - Parameter name: in place of its folder's.
    /// - Throws: ``GenerationError``.
    package init(
        _ configuration: RunConfiguration, name: String?, threads: Int,
        _ settings: AnswerEngine.Settings
    ) throws(GenerationError) {
        let chat = try ChatModel(configuration, threads: threads, needsTemplate: false)
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
        engine = AnswerEngine(chat.inference, settings)
    }
}

/// The models of a server, none until one is loaded.
package final class ServedModels: Sendable {
    private let models = Mutex<[ServedModel]>([])

    package init() {}

    package var all: [ServedModel] { models.withLock { $0 } }

    package func add(_ model: ServedModel) { models.withLock { $0.append(model) } }

    /// Ends all engines; what runs is finished, for so many seconds.
    package func stop(within seconds: Double) {
        let ended = models.withLock { models in
            defer { models = [] }
            return models
        }
        for model in ended { model.engine.stop(within: seconds) }
    }

    /// The model that a request names; the first where it names none.
    ///
    /// - Throws: ``ServerProblem``: 404 for another name, 503 while there is no model.
    package func model(named name: String?) throws(ServerProblem) -> ServedModel {
        let all = all
        guard let first = all.first else {
            throw ServerProblem(
                503, "no model is loaded", code: "no_model", retryAfter: 5)
        }
        guard let name else { return first }
        if let found = all.first(where: { $0.name == name }) { return found }
        throw ServerProblem(
            404,
            "the model '\(name)' does not exist; here is "
                + all.map { "'\($0.name)'" }.joined(separator: ", "), param: "model",
            code: "model_not_found")
    }
}
