import Files
import Foundation
import Templates

/// A conversation as OpenAI's interface has it, in the form that templates take.
struct ChatMessages {
    private(set) var system = ""
    /// Those of users, tools and assistants; the last is to be answered.
    private(set) var messages: [ConversationMessage] = []

    /// - Parameter encoder: what is to write the conversation.
    /// - Throws: ``ServerProblem`` for what the conversation lacks, or has where it cannot be.
    init(
        _ fields: RequestFields, for encoder: any ConversationEncoding
    ) throws(ServerProblem) {
        guard let list = fields["messages"]?.array, !list.isEmpty else {
            throw fields.problem("messages", fields["messages"], "a list of messages")
        }
        var systems: [String] = []
        for (index, message) in list.enumerated() {
            let place = "messages[\(index)]"
            try Self.checkKeys(message, place)
            switch message["role"]?.string {
            case "system"?, "developer"?:
                guard messages.isEmpty else {
                    throw Self.invalid(
                        "\(place): a system message after others is not supported; it stands at the beginning"
                    )
                }
                systems.append(try Self.content(message, place))
            case "user"?: add(.user, try Self.content(message, place))
            case "assistant"?: try addAnswer(message, place)
            case "tool"?, "function"?: try addResult(message, place)
            case let role?:
                throw Self.invalid(
                    "\(place).role: found '\(role)', expected system, developer, user, assistant or "
                        + "tool")
            case nil: throw Self.invalid("\(place): found no role, expected one")
            }
        }
        system = systems.joined(separator: "\n\n")
        if encoder.needsTurns { try checkTurns(encoder.format) }
        guard let last = messages.last, last.role == .user || last.role == .observation else {
            throw Self.invalid(
                "messages: the last has to be the user's or a tool's; going on with an answer that was begun "
                    + "is not supported")
        }
    }

    /// Templates that are no model's own take what is asked and what is answered in turn.
    private func checkTurns(_ format: any ConversationFormat) throws(ServerProblem) {
        guard let index = messages.firstOutOfTurn else { return }
        guard index > 0 else {
            throw Self.invalid("messages: the first that is no system message has to be the user's")
        }
        let isAsked = messages[index].role == .user || messages[index].role == .observation
        guard isAsked != (index % 2 == 0) else {
            throw Self.invalid("messages: a tool's answer without a call of it before")
        }
        throw Self.invalid(
            "messages: with template \(format.name) users or tools and the assistant have to speak in turn; found "
                + "\(Self.speaker(messages[index])) after \(Self.speaker(messages[index - 1]))")
    }

    private static func speaker(_ message: ConversationMessage) -> String {
        switch message.role {
        case .user: "the user"
        case .assistant: "the assistant"
        case .function: "the assistant's call"
        case .observation: "a tool"
        }
    }

    /// Adds a message; of several in a row by one speaker one is made, with an empty line between.
    private mutating func add(_ role: ConversationRole, _ content: String) {
        if let last = messages.last, last.role == role, role == .user || role == .assistant {
            messages[messages.count - 1].content += "\n\n" + content
        } else {
            messages.append(ConversationMessage(role, content))
        }
    }

    /// Adds an answer, which may be calls of tools with or without text before them.
    private mutating func addAnswer(_ message: JSONValue, _ place: String) throws(ServerProblem) {
        guard let calls = message["tool_calls"], !calls.isFalse else {
            add(.assistant, try Self.content(message, place))
            return try think(message, place)
        }
        let functions = calls.array?.compactMap { $0["function"] } ?? []
        guard !functions.isEmpty, functions.count == calls.array?.count,
            functions.allSatisfy({ $0["name"]?.string != nil && $0["arguments"] != nil })
        else {
            throw Self.invalid(
                "\(place).tool_calls: found \(calls.kind), expected a list of objects with function: "
                    + "{name, arguments}")
        }
        let text = message["content"] == nil ? "" : try Self.content(message, place)
        var ids: [String?] = []
        for (index, call) in (calls.array ?? []).enumerated() {
            ids.append(try Self.word("id", of: call, "\(place).tool_calls[\(index)]"))
        }
        messages.append(
            ConversationMessage(
                .function, JSONValue.array(functions).text(), text: text, callIDs: ids))
        try think(message, place)
    }

    /// The thoughts beside an answer go to the last message.
    private mutating func think(_ message: JSONValue, _ place: String) throws(ServerProblem) {
        guard let value = message["reasoning_content"] else { return }
        guard let thoughts = value.string else {
            throw Self.invalid("\(place).reasoning_content: found \(value.kind), expected text")
        }
        messages[messages.count - 1].thoughts = thoughts.trimmingCharacters(in: .newlines)
    }

    /// Refuses what a message holds beside what is read. What is empty says nothing: clients send answers back with
    /// all that they came with.
    private static func checkKeys(_ message: JSONValue, _ place: String) throws(ServerProblem) {
        let known: [String] =
            switch message["role"]?.string {
            case "assistant"?: ["role", "content", "tool_calls", "reasoning_content"]
            case "tool"?, "function"?: ["role", "content", "tool_call_id", "name"]
            default: ["role", "content"]
            }
        for member in message.members ?? []
        where !known.contains(member.key) && !member.value.isFalse {
            throw invalid(
                "\(place).\(member.key): found \(member.value.kind), but templates here do not write it; leave it "
                    + "out; known: \(known.joined(separator: ", "))")
        }
    }

    /// Adds what a tool answered; answers of several tools to one message stand together.
    private mutating func addResult(_ message: JSONValue, _ place: String) throws(ServerProblem) {
        let answer = ToolAnswer(
            try Self.content(message, place),
            callID: try Self.word("tool_call_id", of: message, place),
            name: try Self.word("name", of: message, place))
        guard let last = messages.last, last.role == .observation else {
            return messages.append(ConversationMessage(answers: [answer]))
        }
        messages[messages.count - 1] = ConversationMessage(answers: last.answers + [answer])
    }

    /// A word beside a message's content; `nil` where it has none.
    private static func word(
        _ key: String, of message: JSONValue, _ place: String
    ) throws(ServerProblem) -> String? {
        guard let value = message[key] else { return nil }
        guard let word = value.string else {
            throw invalid("\(place).\(key): found \(value.kind), expected text")
        }
        return word
    }

    /// The text of a message: text, or a list of parts that are text.
    static func content(_ message: JSONValue, _ place: String) throws(ServerProblem) -> String {
        guard let content = message["content"] else {
            throw invalid("\(place): found no content, expected text")
        }
        if let text = content.string { return text }
        var texts: [String] = []
        for part in content.array ?? [content] {
            guard part["type"]?.string == "text", let text = part["text"]?.string else {
                throw invalid(
                    "\(place).content: found \(part["type"]?.string ?? part.kind), expected text; "
                        + "images and sound are not supported")
            }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }

    static func invalid(_ message: String) -> ServerProblem {
        .invalid(message, param: "messages")
    }
}
