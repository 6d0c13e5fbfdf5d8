import Configuration
import Files
import Generation
import ModelFiles

/// What requests for texts have in common.
struct AnswerOptions {
    var sampling: SamplingSettings
    /// How long an answer may be.
    var length: TextLength
    /// Answers to each prompt.
    var answers = 1
    var stops: [String] = []
    var bias: [Int32: Float] = [:]
    var presencePenalty = 0.0
    var frequencyPenalty = 0.0
    /// What answers may be; `nil` for anything.
    var constraint: TokenConstraint?
    var streams = false
    /// Whether a stream ends with the usage.
    var streamsUsage = false

    /// Keys that change nothing here: who asks, and what OpenAI does with answers afterwards.
    static let harmless: [String: HarmlessKey] = [
        "user": .always, "metadata": .always, "safety_identifier": .always,
        "prompt_cache_key": .always, "store": .flag(false),
        "service_tier": .at([.string("auto"), .string("default")]),
    ]

    /// - Parameter counts: fields that may hold the number of tokens, the first one given counts.
    init(
        _ fields: RequestFields, _ model: ServedModel, counts: [String],
        usualLength: TextLength, leastCount: Int = 1
    ) throws(ServerProblem) {
        sampling = model.settings.sampling
        length = usualLength
        for key in counts.reversed() {
            if let count = try fields.integer(key, leastCount...Int.max) { length = .new(count) }
        }
        if let temperature = try fields.number("temperature", 0...2) {
            sampling.temperature = temperature
        }
        if let topP = try fields.number("top_p", 0...1) {
            guard topP > 0 else {
                throw .invalid("top_p: found 0, expected above 0, at most 1", param: "top_p")
            }
            sampling.topP = topP
        }
        sampling.topK = try fields.integer("top_k", 0...Int(Int32.max)) ?? sampling.topK
        sampling.minP = try fields.number("min_p", 0...1) ?? sampling.minP
        sampling.repetitionPenalty =
            try fields.number("repetition_penalty", 0.01...100) ?? sampling.repetitionPenalty
        let seed = try fields.integer("seed", Int.min...Int.max)
        sampling.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? .random(in: 0...UInt64.max)
        answers = try fields.integer("n", 1...128) ?? 1
        stops = try Self.stops(fields)
        bias = try Self.bias(fields, vocabulary: model.vocabularySize)
        presencePenalty = try fields.number("presence_penalty", -2...2) ?? 0
        frequencyPenalty = try fields.number("frequency_penalty", -2...2) ?? 0
        constraint = try ResponseFormat.grammar(fields).map(model.constraints.constraint)
        streams = try fields.boolean("stream") ?? false
        streamsUsage = try Self.streamsUsage(fields, streams: streams)
    }

    private static func stops(_ fields: RequestFields) throws(ServerProblem) -> [String] {
        guard let value = fields["stop"] else { return [] }
        if let text = value.string { return text.isEmpty ? [] : [text] }
        let texts = value.array?.compactMap(\.string) ?? []
        guard let list = value.array, texts.count == list.count, list.count <= 4 else {
            throw fields.problem("stop", value, "text, or a list of at most 4 texts")
        }
        return texts.filter { !$0.isEmpty }
    }

    private static func bias(
        _ fields: RequestFields, vocabulary: Int
    ) throws(ServerProblem) -> [Int32: Float] {
        guard let value = fields["logit_bias"] else { return [:] }
        var bias: [Int32: Float] = [:]
        for (key, value) in value.members ?? [(key: "", value: value)] {
            guard let id = Int32(key), (0..<vocabulary).contains(Int(id)),
                let number = value.double, (-100...100).contains(number)
            else {
                throw .invalid(
                    "logit_bias: found \"\(key)\": \(value.kind), expected ids of tokens below "
                        + "\(vocabulary), each with a number from -100 to 100", param: "logit_bias")
            }
            bias[id] = Float(number)
        }
        return bias
    }

    private static func streamsUsage(
        _ fields: RequestFields, streams: Bool
    ) throws(ServerProblem) -> Bool {
        guard let value = fields["stream_options"] else { return false }
        guard streams else {
            throw .invalid(
                "stream_options is given without stream: true", param: "stream_options")
        }
        let inner = try RequestFields(value)
        let includes = try inner.boolean("include_usage") ?? false
        try inner.refuseUnused(["include_obfuscation": .flag(false)])
        return includes
    }

    /// The requests for all answers to a prompt; the seeds of further answers follow from the first.
    ///
    /// - Parameter alternatives: as of ``AnswerRequest``.
    func requests(
        _ prompt: [Int32], ends: Set<Int32>, alternatives: Int?, of model: ServedModel
    ) throws(ServerProblem) -> [AnswerRequest] {
        guard !prompt.isEmpty else { throw .invalid("the prompt is empty", param: "prompt") }
        let limit = model.engine.limit
        guard prompt.count < limit else {
            throw .invalid(
                "the prompt has \(prompt.count) tokens, the model \(limit) positions for prompt and "
                    + "answer together", param: "messages", code: "context_length_exceeded")
        }
        if let id = prompt.first(where: { $0 < 0 || $0 >= model.vocabularySize }) {
            throw .invalid(
                "the prompt has id \(id), outside the model's vocabulary of \(model.vocabularySize)",
                param: "prompt")
        }
        if let problem = length.problem(after: prompt.count) {
            throw .invalid(
                "\(problem); give max_tokens", param: "messages", code: "context_length_exceeded")
        }
        let count = length.count(after: prompt.count)
        return (0..<answers).map { number in
            var request = AnswerRequest(
                prompt: prompt, count: count, ends: ends, sampling: sampling)
            if number > 0 { request.sampling.seed = sampling.seed &+ UInt64(number) &* 0x9E37_79B9 }
            request.bias = bias
            request.presencePenalty = presencePenalty
            request.frequencyPenalty = frequencyPenalty
            request.alternatives = alternatives
            request.constraint = constraint
            request.adapter = model.adapter
            return request
        }
    }
}
