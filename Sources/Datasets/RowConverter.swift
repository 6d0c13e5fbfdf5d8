import Files
import Templates

/// Makes conversations of rows, as LLaMA-Factory's converters do.
struct RowConverter {
    let entry: DatasetEntry

    init(_ entry: DatasetEntry) { self.entry = entry }

    /// The conversation of a row of a file.
    func conversation(
        _ file: RowFile, _ place: RowFile.Place
    ) throws(RowFailure) -> Conversation {
        try converted(file, place) { row throws(RowProblem) in try conversation(row) }
    }

    /// What `convert` makes of a row of a file.
    func converted<Value>(
        _ file: RowFile, _ place: RowFile.Place, _ convert: (JSONValue) throws(RowProblem) -> Value
    ) throws(RowFailure) -> Value {
        let row: JSONValue
        do {
            row = try file.row(at: place)
        } catch {
            throw .wrong(error)
        }
        if let column = media(row) { throw .media(column: column) }
        do {
            return try convert(row)
        } catch {
            throw .wrong(error)
        }
    }

    /// The conversation of a row.
    func conversation(_ row: JSONValue) throws(RowProblem) -> Conversation {
        switch entry.formatting {
        case .alpaca: return try alpaca(row)
        case .sharegpt: return try sharegpt(row)
        case .openai: return try openAI(row)
        }
    }

    /// The first column with images, videos or audios in the row.
    private func media(_ row: JSONValue) -> String? {
        ["images", "videos", "audios"].compactMap { entry.columns[$0] }
            .first { row[$0].map { !$0.isFalse } ?? false }
    }

    /// What a column holds; `nil` where it is not read, absent or null.
    func value(_ column: String, of row: JSONValue) -> JSONValue? {
        entry.columns[column].flatMap { row[$0] }
    }

    /// A column that holds text; empty where it is not read, absent or null.
    func text(_ column: String, of row: JSONValue) throws(RowProblem) -> String {
        guard let value = value(column, of: row) else { return "" }
        guard let text = value.string else {
            throw RowProblem(
                found: "\(entry.columns[column] ?? column): \(value.kind)", expected: "text")
        }
        return text
    }

    /// Tools as JSON text, which a row may also hold as a list.
    func tools(_ row: JSONValue) throws(RowProblem) -> String {
        guard let value = value("tools", of: row) else { return "" }
        if value.array != nil || value.members != nil { return value.text() }
        return try text("tools", of: row)
    }

    // MARK: Alpaca

    private func alpaca(_ row: JSONValue) throws(RowProblem) -> Conversation {
        var response: ConversationMessage?
        if value("response", of: row) != nil {
            response = ConversationMessage(.assistant, try text("response", of: row))
        }
        return Conversation(
            prompt: try alpacaPrompt(row), response: response, system: try text("system", of: row),
            tools: try tools(row))
    }

    /// What an answer answers to, history included.
    func alpacaPrompt(_ row: JSONValue) throws(RowProblem) -> [ConversationMessage] {
        var prompt: [ConversationMessage] = []
        if let history = value("history", of: row) {
            let column = entry.columns["history"] ?? "history"
            guard let turns = history.array else {
                throw RowProblem(found: "\(column): \(history.kind)", expected: "a list of pairs")
            }
            for turn in turns {
                let texts = turn.array?.compactMap(\.string) ?? []
                guard texts.count == 2, turn.array?.count == 2 else {
                    throw RowProblem(
                        found: "\(column): \(turn.kind)", expected: "a pair [question, answer]")
                }
                prompt.append(ConversationMessage(.user, texts[0]))
                prompt.append(ConversationMessage(.assistant, texts[1]))
            }
        }
        let parts = [try text("prompt", of: row), try text("query", of: row)]
        let question = parts.filter { !$0.isEmpty }.joined(separator: "\n")
        prompt.append(ConversationMessage(.user, question))
        return prompt
    }

    // MARK: ShareGPT

    /// The row's messages, and the system prompt that leads them or stands in its own column.
    func messages(
        _ row: JSONValue
    ) throws(RowProblem) -> (messages: ArraySlice<JSONValue>, system: String) {
        let column = entry.columns["messages"] ?? "messages"
        guard let list = value("messages", of: row)?.array else {
            throw RowProblem(
                found: "\(column): \(value("messages", of: row)?.kind ?? "nothing")",
                expected: "a list of messages")
        }
        guard !list.isEmpty else {
            throw RowProblem(found: "\(column): no messages", expected: "at least two")
        }
        if let tag = entry.tags["system_tag"], try role(of: list[0]) == tag {
            return (list.dropFirst(), try content(of: list[0]))
        }
        return (list[...], try text("system", of: row))
    }

    func role(of message: JSONValue) throws(RowProblem) -> String {
        let key = entry.tags["role_tag"] ?? "role"
        guard let role = message[key]?.string else {
            throw RowProblem(
                found: "a message without \"\(key)\" (\(keys(of: message)))",
                expected: "\"\(key)\" (tags: role_tag)")
        }
        return role
    }

    func content(of message: JSONValue) throws(RowProblem) -> String {
        let key = entry.tags["content_tag"] ?? "content"
        guard let value = message[key] else {
            throw RowProblem(
                found: "a message without \"\(key)\" (\(keys(of: message)))",
                expected: "\"\(key)\" (tags: content_tag)")
        }
        if let text = value.string { return text }
        if let parts = value.array { return try text(ofParts: parts, key) }
        throw RowProblem(found: "\(key): \(value.kind)", expected: "text")
    }

    /// Content in OpenAI's parts, `{"type": "text", "text": …}`, as one text.
    private func text(ofParts parts: [JSONValue], _ key: String) throws(RowProblem) -> String {
        var whole = ""
        for part in parts {
            guard part["type"]?.string == "text", let text = part["text"]?.string else {
                let type = part["type"]?.string.map { "a part of type \(JSONValue.shortened($0))" }
                throw RowProblem(
                    found: "\(key): \(type ?? part.kind)", expected: "text, or parts of type text")
            }
            whole += text
        }
        return whole
    }

    func keys(of message: JSONValue) -> String {
        let names = message.members?.prefix(6).map(\.key) ?? []
        return names.isEmpty ? message.kind : "it has " + names.joined(separator: ", ")
    }

    /// What a word for a role means.
    func meaning(of role: String) throws(RowProblem) -> ConversationRole {
        let tags = entry.tags
        // Of words with two meanings the last one counts, as in LLaMA-Factory's table.
        if role == tags["function_tag"] { return .function }
        if role == tags["observation_tag"] { return .observation }
        if role == tags["assistant_tag"] { return .assistant }
        if role == tags["user_tag"] { return .user }
        let known = ["user_tag", "assistant_tag", "observation_tag", "function_tag"]
            .compactMap { tags[$0] }
        throw RowProblem(
            found: "role \"\(JSONValue.shortened(role))\"",
            expected: "\(known.joined(separator: ", ")) (tags:)")
    }

    /// Questions and answers have to alternate, and end with an answer.
    func conversation(
        _ messages: [ConversationMessage], _ row: JSONValue, system: String
    ) throws(RowProblem) -> Conversation {
        try checkTurns(messages)
        guard !messages.isEmpty, messages.count % 2 == 0 else {
            throw RowProblem(
                found: "\(messages.count) messages", expected: "pairs that end with an answer")
        }
        return Conversation(
            prompt: Array(messages.dropLast()), response: messages.last, system: system,
            tools: try tools(row))
    }

    /// Questions and answers have to alternate, a question first.
    func checkTurns(_ messages: [ConversationMessage]) throws(RowProblem) {
        for (index, message) in messages.enumerated() {
            let asks = message.role == .user || message.role == .observation
            guard asks == (index % 2 == 0) else {
                throw RowProblem(
                    found: "message \(index + 1) is the \(message.role.rawValue)'s",
                    expected: index % 2 == 0
                        ? "the user's or an observation" : "the assistant's or a function call")
            }
        }
    }

    private func sharegpt(_ row: JSONValue) throws(RowProblem) -> Conversation {
        let (list, system) = try messages(row)
        return try conversation(shareGPTMessages(list), row, system: system)
    }

    /// Messages of a row, in order.
    func shareGPTMessages(
        _ list: ArraySlice<JSONValue>
    ) throws(RowProblem) -> [ConversationMessage] {
        var messages: [ConversationMessage] = []
        for message in list {
            let role = try meaning(of: role(of: message))
            let call = message[entry.tags["content_tag"] ?? "content"]
            // A call that is an object, not the text of one, means the same.
            if role == .function, let call, call["name"] != nil {
                messages.append(ConversationMessage(role, call.text()))
            } else {
                messages.append(ConversationMessage(role, try content(of: message)))
            }
            if role == .function || role == .assistant { try checkWeight(of: message) }
        }
        return messages
    }
}
