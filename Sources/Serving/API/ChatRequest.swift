import Generation
import ModelFiles
import Tokenizers

/// A request for an answer in a conversation, read and checked.
struct ChatRequest: Sendable {
    let model: ServedModel
    private(set) var options: AnswerOptions
    let prompt: [Int32]
    /// How many likeliest tokens are told with each; `nil` where no log-probabilities are.
    let alternatives: Int?
    /// Strings that end the answer, the template's among them.
    let stops: [String]
    let tools: ChatTools
    private let ends: Set<Int32>

    /// - Throws: ``ServerProblem`` for the first field that cannot be followed.
    init(_ request: ServerRequest, _ models: ServedModels) throws(ServerProblem) {
        let fields = try RequestFields(request)
        model = try models.model(named: try fields.text("model"))
        guard let encoder = model.encoder else {
            throw .invalid(
                "the model has no way to write conversations (\(model.templateProblem)); ask "
                    + "/v1/completions, or serve it with template: NAME")
        }
        options = try AnswerOptions(
            fields, model, counts: ["max_completion_tokens", "max_tokens"],
            usualLength: model.settings.length)
        let tellsAny = try fields.boolean("logprobs") ?? false
        let most = try fields.integer("top_logprobs", 0...20)
        if most != nil, !tellsAny {
            throw .invalid("top_logprobs is given without logprobs: true", param: "top_logprobs")
        }
        alternatives = tellsAny ? most ?? 0 : nil
        let messages = try ChatMessages(fields, for: encoder)
        tools = try ChatTools(fields, encoder)
        if let grammar = tools.grammar {
            guard options.constraint == nil else {
                throw .invalid(
                    "response_format is given, but tool_choice asks for a call",
                    param: "tool_choice")
            }
            options.constraint = model.constraints.constraint(grammar)
        }
        try fields.refuseUnused(AnswerOptions.harmless)
        let system = messages.system.isEmpty ? model.settings.system : messages.system
        do {
            prompt = try encoder.promptIDs(messages.messages, system: system, tools: tools.text)
        } catch {
            throw .invalid("\(error)", param: "messages")
        }
        stops = options.stops + encoder.missingStopWords
        ends = encoder.stopTokens.union(model.endTokens)
    }

    /// The answers' texts, as they come.
    func answers() throws(ServerProblem) -> [AnswerText] {
        let requests = try options.requests(
            prompt, ends: ends, alternatives: alternatives, of: model)
        let stream = TokenTextStream(
            model.tokenizer,
            // Marks of calls may be special tokens.
            skipsSpecialTokens: model.settings.skipsSpecialTokens && tools.form == nil,
            stops: stops)
        do {
            return try model.engine.answers(to: requests).map { AnswerText($0, stream) }
        } catch {
            throw error.problem
        }
    }
}
