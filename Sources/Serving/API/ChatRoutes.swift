import Files
import Foundation

/// `POST /v1/chat/completions`
package struct ChatRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/v1/chat/completions", endsWithClient: true, about: Self.about) {
                [models] request throws(ServerProblem) in
                let chat = try ChatRequest(request, models)
                let reply = ChatReply(chat)
                let answers = try chat.answers()
                return chat.options.streams
                    ? .events(reply.stream(answers), endsWithServer: false)
                    : .json(try await reply.whole(answers))
            }
        ]
    }

    private static let message = Schema.openObject(
        [
            ("role", .word("system", "developer", "user", "assistant", "tool", "function")),
            (
                "content",
                Schema.either(
                    .text(),
                    .list(
                        .openObject(
                            [("type", .word("text")), ("text", .text())],
                            required: ["type", "text"]
                        ), 1...Int.max)
                ).orNull
            ),
            (
                "tool_calls",
                Schema.list(
                    .openObject([("function", function)], required: ["function"])
                ).orNull
            ),
        ], required: ["role"])

    private static let function = Schema.openObject(
        [("name", .text()), ("arguments", .any)], required: ["name", "arguments"])

    private static let tool = Schema.openObject(
        [
            ("type", .word("function")),
            (
                "function",
                .openObject(
                    [("name", .text()), ("parameters", .openObject())], required: ["name"])
            ),
        ], required: ["type", "function"])

    private static let fields: [(String, Schema)] =
        [
            (
                "messages",
                Schema.list(message, 1...Int.max).about(
                    "System messages first, then users or tools and the assistant in turn.")
            ),
            ("max_completion_tokens", Schema.integer(1...Int.max).orNull),
            ("max_tokens", Schema.integer(1...Int.max).orNull),
            ("logprobs", Schema.boolean.orNull),
            ("top_logprobs", Schema.integer(0...20).orNull.about("With logprobs only.")),
            ("tools", Schema.list(tool).orNull),
            (
                "tool_choice",
                Schema.either(
                    .word("none", "auto", "required"),
                    .openObject(
                        [("function", .openObject([("name", .text())], required: ["name"]))],
                        required: ["function"])
                ).orNull
            ),
            ("parallel_tool_calls", Schema.boolean.orNull),
        ] + AnswerOptions.described

    private static let about = RouteDescription(
        "createChatCompletion", "An answer in a conversation",
        body: .object(fields, required: ["messages"]),
        answer: .jsonOrEvents(
            AnswerOptions.describedAnswer(
                "chat.completion",
                choice: [
                    ("message", .openObject([("role", .word("assistant"))], required: ["role"])),
                    ("logprobs", Schema.openObject().orNull),
                    ("finish_reason", AnswerOptions.describedFinish),
                ], usage: AnswerOptions.describedUsage),
            event: AnswerOptions.describedAnswer(
                "chat.completion.chunk",
                choice: [
                    ("delta", .openObject()), ("logprobs", Schema.openObject().orNull),
                    ("finish_reason", AnswerOptions.describedFinish),
                ], usage: AnswerOptions.describedUsage.orNull)), problems: [429])
}
