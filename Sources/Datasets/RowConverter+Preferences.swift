import Files
package import Templates

/// Two answers to one prompt, of which one is better.
package struct RankedAnswers: Sendable, Equatable {
    /// As in ``Conversation``.
    package var prompt: [ConversationMessage]
    package var chosen: ConversationMessage
    package var rejected: ConversationMessage
    package var system = ""
    package var tools = ""

    /// The prompt with one of its answers.
    package func conversation(_ answer: ConversationMessage) -> Conversation {
        Conversation(prompt: prompt, response: answer, system: system, tools: tools)
    }
}

/// An answer to a prompt, and whether it is a good one.
package struct JudgedAnswer: Sendable, Equatable {
    package var conversation: Conversation
    package var isDesirable: Bool
}

// Rows of preferences: LLaMA-Factory's, and TRL's as its documentation of dataset formats has them.
extension RowConverter {
    /// The answers of a row of a file.
    func rankedAnswers(
        _ file: RowFile, _ place: RowFile.Place
    ) throws(RowFailure) -> RankedAnswers {
        try converted(file, place) { row throws(RowProblem) in try rankedAnswers(row) }
    }

    /// The prompt of a row of a file.
    func prompt(_ file: RowFile, _ place: RowFile.Place) throws(RowFailure) -> Conversation {
        try converted(file, place) { row throws(RowProblem) in try prompt(row) }
    }

    /// The answer of a row of a file.
    func judgedAnswer(_ file: RowFile, _ place: RowFile.Place) throws(RowFailure) -> JudgedAnswer {
        try converted(file, place) { row throws(RowProblem) in try judgedAnswer(row) }
    }

    /// Whether a row of a dataset whose columns nobody names is one of TRL's.
    private func isTRL(_ row: JSONValue, _ columns: [String]) -> Bool {
        entry.formatting == .alpaca && entry.statedColumns.isEmpty
            && row[entry.columns["prompt"] ?? "instruction"] == nil
            && columns.contains { row[$0] != nil }
    }

    // MARK: Pairs

    /// Two answers of a row, with the prompt before them.
    func rankedAnswers(_ row: JSONValue) throws(RowProblem) -> RankedAnswers {
        if isTRL(row, ["prompt", "chosen"]) { return try promptedPair(row) }
        guard entry.formatting != .alpaca else {
            return RankedAnswers(
                prompt: try alpacaPrompt(row), chosen: try answerText("chosen", of: row),
                rejected: try answerText("rejected", of: row), system: try text("system", of: row),
                tools: try tools(row))
        }
        let (list, system) = try messages(row)
        return RankedAnswers(
            prompt: try prompt(try parsed(list)), chosen: try answerMessage("chosen", of: row),
            rejected: try answerMessage("rejected", of: row), system: system,
            tools: try tools(row))
    }

    private func parsed(
        _ list: ArraySlice<JSONValue>
    ) throws(RowProblem) -> [ConversationMessage] {
        entry.formatting == .openai
            ? try openAIMessages(list, keepsLast: true) : try shareGPTMessages(list)
    }

    /// Checks that messages end where an answer is to follow.
    private func prompt(
        _ messages: [ConversationMessage]
    ) throws(RowProblem) -> [ConversationMessage] {
        try checkTurns(messages)
        guard messages.count % 2 == 1 else {
            throw RowProblem(
                found: "\(messages.count) messages before the answers",
                expected: "an odd number that ends with the user's or an observation")
        }
        return messages
    }

    private func answerText(
        _ column: String, of row: JSONValue
    ) throws(RowProblem) -> ConversationMessage {
        guard value(column, of: row) != nil else {
            throw RowProblem(found: "no \(entry.columns[column] ?? column)", expected: "an answer")
        }
        return ConversationMessage(.assistant, try text(column, of: row))
    }

    private func answerMessage(
        _ column: String, of row: JSONValue
    ) throws(RowProblem) -> ConversationMessage {
        let value = value(column, of: row)
        guard let value, value.members != nil else {
            throw RowProblem(
                found: "\(entry.columns[column] ?? column): \(value?.kind ?? "nothing")",
                expected: "a message of the assistant")
        }
        return try answer(parsed([value][...]), column)
    }

    /// The one message that is an answer.
    private func answer(
        _ messages: [ConversationMessage], _ column: String
    ) throws(RowProblem) -> ConversationMessage {
        guard messages.count == 1,
            messages[0].role == .assistant || messages[0].role == .function
        else {
            throw RowProblem(
                found: messages.count == 1
                    ? "\(column): a message of the \(messages[0].role.rawValue)'s"
                    : "\(column): \(messages.count) messages",
                expected: "one message of the assistant")
        }
        return messages[0]
    }

    // MARK: TRL

    /// Reads messages in OpenAI's form, whatever the dataset's own is.
    private var openAIConverter: RowConverter {
        var other = entry
        other.formatting = .openai
        other.tags = DatasetEntry.openAITags
        return RowConverter(other)
    }

    /// `prompt`, `chosen`, `rejected` as texts or lists of messages; without `prompt`, what both lists
    /// begin with.
    private func promptedPair(_ row: JSONValue) throws(RowProblem) -> RankedAnswers {
        if row["prompt"] != nil {
            let (messages, system) = try promptedMessages(row)
            return RankedAnswers(
                prompt: messages, chosen: try promptedAnswer("chosen", of: row),
                rejected: try promptedAnswer("rejected", of: row), system: system,
                tools: try tools(row))
        }
        guard let chosen = row["chosen"]?.array, let rejected = row["rejected"]?.array else {
            throw RowProblem(
                found: "no prompt", expected: "one, or conversations in chosen and rejected")
        }
        let shared = zip(chosen, rejected).prefix { $0 == $1 }.count
        let converter = openAIConverter
        let (prompt, system) = try converter.withoutSystem(chosen.prefix(shared), of: row)
        return RankedAnswers(
            prompt: prompt,
            chosen: try answer(converter.openAIMessages(chosen.dropFirst(shared)), "chosen"),
            rejected: try answer(converter.openAIMessages(rejected.dropFirst(shared)), "rejected"),
            system: system, tools: try tools(row))
    }

    /// The column `prompt`: a text of the user's, or messages.
    private func promptedMessages(
        _ row: JSONValue
    ) throws(RowProblem) -> (messages: [ConversationMessage], system: String) {
        if let text = row["prompt"]?.string {
            return ([ConversationMessage(.user, text)], try self.text("system", of: row))
        }
        guard let list = row["prompt"]?.array else {
            throw RowProblem(
                found: "prompt: \(row["prompt"]?.kind ?? "nothing")",
                expected: "text or a list of messages")
        }
        return try openAIConverter.withoutSystem(list[...], of: row)
    }

    /// Messages that end with a question, and the system prompt that leads them or stands in its own column.
    private func withoutSystem(
        _ list: ArraySlice<JSONValue>, of row: JSONValue
    ) throws(RowProblem) -> (messages: [ConversationMessage], system: String) {
        guard let first = list.first else {
            throw RowProblem(found: "no messages before the answers", expected: "at least one")
        }
        if try role(of: first) == entry.tags["system_tag"] {
            return (
                try prompt(openAIMessages(list.dropFirst(), keepsLast: true)),
                try content(of: first)
            )
        }
        return (
            try prompt(openAIMessages(list, keepsLast: true)), try text("system", of: row)
        )
    }

    /// A column with an answer: a text, or a list of one message.
    private func promptedAnswer(
        _ column: String, of row: JSONValue
    ) throws(RowProblem) -> ConversationMessage {
        if let text = row[column]?.string { return ConversationMessage(.assistant, text) }
        guard let list = row[column]?.array else {
            throw RowProblem(
                found: "\(column): \(row[column]?.kind ?? "nothing")",
                expected: "text or a list of one message")
        }
        return try answer(openAIConverter.openAIMessages(list[...]), column)
    }

    // MARK: Prompts

    /// What a model is to answer itself, with the answer where the row has one. Messages may end with the question.
    func prompt(_ row: JSONValue) throws(RowProblem) -> Conversation {
        if isTRL(row, ["prompt"]) {
            let (messages, system) = try promptedMessages(row)
            var response: ConversationMessage?
            if row["completion"] != nil { response = try promptedAnswer("completion", of: row) }
            return Conversation(
                prompt: messages, response: response, system: system, tools: try tools(row))
        }
        guard entry.formatting != .alpaca else {
            let asking = ["prompt", "query"]
            guard asking.contains(where: { value($0, of: row) != nil }) else {
                throw RowProblem(
                    found: "no \(entry.columns["prompt"] ?? "prompt") (\(keys(of: row)))",
                    expected: "what is asked in it"
                        + (entry.statedColumns.isEmpty ? ", or in prompt" : ""))
            }
            return try conversation(row)
        }
        let (list, system) = try messages(row)
        let parts = try parsed(list)
        guard parts.count % 2 == 1 else {
            return try conversation(parts, row, system: system)
        }
        return Conversation(
            prompt: try prompt(parts), response: nil, system: system, tools: try tools(row))
    }

    // MARK: Judged answers

    /// An answer of a row with its tag.
    func judgedAnswer(_ row: JSONValue) throws(RowProblem) -> JudgedAnswer {
        if isTRL(row, ["prompt", "completion"]) {
            let (messages, system) = try promptedMessages(row)
            let conversation = Conversation(
                prompt: messages, response: try promptedAnswer("completion", of: row),
                system: system, tools: try tools(row))
            return JudgedAnswer(
                conversation: conversation, isDesirable: try tag(row["label"], "label"))
        }
        let column = entry.columns["kto_tag"] ?? "kto_tag"
        let conversation = try conversation(row)
        guard conversation.response != nil else {
            throw RowProblem(found: "no answer", expected: "one that the tag judges")
        }
        return JudgedAnswer(
            conversation: conversation, isDesirable: try tag(value("kto_tag", of: row), column))
    }

    private func tag(_ value: JSONValue?, _ column: String) throws(RowProblem) -> Bool {
        guard let tag = value?.bool else {
            throw RowProblem(
                found: "\(column): \(value?.kind ?? "nothing")", expected: "true or false")
        }
        return tag
    }
}
