extension AnswerOptions {
    /// What an OpenAPI document says of the fields that requests for texts have in common.
    static let described: [(String, Schema)] =
        [
            ("model", Schema.text().orNull.about("The first that is listed where it is left out.")),
            ("temperature", Schema.number(0...2).orNull),
            ("top_p", Schema.number(0...1, isAbove: true).orNull),
            ("top_k", Schema.integer(0...Int(Int32.max)).orNull),
            ("min_p", Schema.number(0...1).orNull),
            ("repetition_penalty", Schema.number(0.01...100).orNull),
            ("presence_penalty", Schema.number(-2...2).orNull),
            ("frequency_penalty", Schema.number(-2...2).orNull),
            ("seed", Schema.integer(Int.min...Int.max).orNull),
            ("n", Schema.integer(1...128).orNull),
            ("stop", Schema.either(.text(), .list(.text(), 0...4)).orNull),
            (
                "logit_bias",
                Schema.map("^[0-9]+$", .number(-100...100)).orNull.about(
                    "By ids of the vocabulary.")
            ),
            ("response_format", format.orNull),
            ("stream", Schema.boolean.orNull),
            (
                "stream_options",
                Schema.object([
                    ("include_usage", Schema.boolean.orNull),
                    ("include_obfuscation", Schema.boolean.orNull),
                ]).orNull.about("With stream only.")
            ),
            ("store", Schema.boolean.orNull.about("Nothing is kept: false only.")),
            ("service_tier", Schema.word("auto", "default").orNull),
        ]
        + ["user", "metadata", "safety_identifier", "prompt_cache_key"].map { ($0, .any) }

    private static let format = Schema.either(
        .object([("type", .word("text", "json_object"))], required: ["type"]),
        .object(
            [
                ("type", .word("json_schema")),
                (
                    "json_schema",
                    .object(
                        [
                            ("name", .any), ("description", .any), ("strict", .any),
                            ("schema", .openObject()),
                        ], required: ["schema"])
                ),
            ], required: ["type", "json_schema"]))

    /// `usage` of answers.
    static let describedUsage = Schema.openObject(
        [("prompt_tokens", .count), ("completion_tokens", .count), ("total_tokens", .count)],
        required: ["prompt_tokens", "completion_tokens", "total_tokens"])

    /// An answer, or a piece of one, with choices of some members.
    static func describedAnswer(
        _ object: String, choice members: [(String, Schema)], usage: Schema
    ) -> Schema {
        let choice = [("index", Schema.count)] + members
        return .openObject(
            [
                ("id", .text()), ("object", .word(object)), ("created", .count),
                ("model", .text()), ("usage", usage),
                ("choices", .list(.openObject(choice, required: choice.map(\.0)))),
            ], required: ["id", "object", "created", "model", "choices"])
    }

    static let describedFinish = Schema.word("stop", "length", "tool_calls").orNull
}
