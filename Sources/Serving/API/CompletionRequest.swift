import Files
import Generation
import ModelFiles
import Tokenizers

/// A request for continuations of texts, read and checked.
struct CompletionRequest: Sendable {
    let model: ServedModel
    let options: AnswerOptions
    /// The ids of each prompt.
    let prompts: [[Int32]]
    /// Whether answers begin with their prompts.
    let echoes: Bool
    /// How many likeliest tokens are told with each; `nil` where no log-probabilities are.
    let alternatives: Int?

    /// - Throws: ``ServerProblem`` for the first field that cannot be followed.
    init(_ request: ServerRequest, _ models: ServedModels) throws(ServerProblem) {
        let fields = try RequestFields(request)
        model = try models.model(named: try fields.text("model"))
        echoes = try fields.boolean("echo") ?? false
        alternatives = try fields.integer("logprobs", 0...5)
        options = try AnswerOptions(
            fields, model, counts: ["max_tokens"], usualLength: .new(16),
            leastCount: echoes ? 0 : 1)
        if let best = try fields.integer("best_of", 1...128), best != options.answers {
            throw .invalid(
                "best_of: found \(best), expected what n is (\(options.answers)): every answer is "
                    + "given", param: "best_of")
        }
        if options.streams, echoes, alternatives != nil {
            throw .invalid(
                "echo: found true with stream and logprobs, expected two of the three",
                param: "echo")
        }
        prompts = try Self.prompts(fields, model)
        try fields.refuseUnused(AnswerOptions.harmless)
    }

    /// A text or a list of ids, or a list of either.
    private static func prompts(
        _ fields: RequestFields, _ model: ServedModel
    ) throws(ServerProblem) -> [[Int32]] {
        let value = fields["prompt"]
        if let text = value?.string { return [ids(of: text, model)] }
        guard let list = value?.array, !list.isEmpty, list.count <= 2048 else {
            throw fields.problem("prompt", value, "text, ids, or a list of at most 2048 of these")
        }
        if list[0].integer != nil { return [try ids(list, fields)] }
        var prompts: [[Int32]] = []
        for entry in list {
            if let text = entry.string {
                prompts.append(ids(of: text, model))
            } else {
                prompts.append(try ids(entry.array ?? [], fields))
            }
        }
        return prompts
    }

    /// The ids of a text; of an empty one the token that texts begin with.
    private static func ids(of text: String, _ model: ServedModel) -> [Int32] {
        let ids = model.tokenizer.encode(text, addSpecialTokens: true)
        let first = model.tokenizer.beginOfText ?? model.tokenizer.endOfText
        return ids.isEmpty ? first.map { [$0] } ?? [] : ids
    }

    private static func ids(
        _ list: [JSONValue], _ fields: RequestFields
    ) throws(ServerProblem) -> [Int32] {
        let ids = list.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
        guard !ids.isEmpty, ids.count == list.count else {
            throw fields.problem("prompt", .array(list), "ids, at least one")
        }
        return ids
    }

    /// The answers' texts as they come, those of the first prompt first.
    func answers() throws(ServerProblem) -> [AnswerText] {
        var requests: [AnswerRequest] = []
        for prompt in prompts {
            requests += try options.requests(
                prompt, ends: model.endTokens, alternatives: alternatives, of: model)
        }
        if echoes, let alternatives {
            for index in requests.indices { requests[index].promptAlternatives = alternatives }
        }
        let stream = TokenTextStream(
            model.tokenizer, skipsSpecialTokens: model.settings.skipsSpecialTokens,
            stops: options.stops)
        do {
            return try model.engine.answers(to: requests).map { AnswerText($0, stream) }
        } catch {
            throw error.problem
        }
    }
}
