package import Tokenizers

/// Writes conversations as token ids with a template.
package struct ConversationEncoder: Sendable {
    package let template: ChatTemplate
    package let tokenizer: any Tokenizer
    package let settings: EncodingSettings
    /// The token that ends an answer: the template's, where it replaces the tokenizer's.
    package let endOfText: Int32
    /// Stop words that the tokenizer lacks: they cannot be generated, so nothing stops at them.
    package let missingStopWords: [String]
    private let tokens: [String: Int32]
    /// The ids of empty thoughts.
    private let emptyThoughts: [Int32]

    /// Checks that the template's tokens are in the tokenizer.
    ///
    /// LLaMA-Factory adds tokens that are missing, whose embeddings then were never trained.
    ///
    /// - Throws: ``TemplateError/templateToken(template:token:)``,
    ///   ``TemplateError/setting(name:found:expected:)`` for settings that contradict each
    ///   other.
    package init(
        _ template: ChatTemplate, _ tokenizer: any Tokenizer,
        _ settings: EncodingSettings = EncodingSettings()
    ) throws(TemplateError) {
        try settings.validate()
        guard !(settings.trainsOnPrompt && template.hasEfficientEnd) else {
            throw .setting(
                name: "train_on_prompt", found: "true with template \(template.name)",
                expected: "false, for this template ends a conversation only once")
        }
        self.template = template
        self.tokenizer = tokenizer
        self.settings = settings
        func id(_ token: String) throws(TemplateError) -> Int32 {
            guard let id = tokenizer.id(of: token) else {
                throw .templateToken(template: template.name, token: token)
            }
            return id
        }
        var stopWords = template.stopWords[...]
        if template.replacesEndOfText, let first = stopWords.popFirst() {
            endOfText = try id(first)
        } else if let end = tokenizer.endOfText {
            endOfText = end
        } else {
            endOfText = try id("<|endoftext|>")
        }
        missingStopWords = stopWords.filter { tokenizer.id(of: $0) == nil }
        var tokens: [String: Int32] = [:]
        let parts = [
            template.user, template.assistant, template.system, template.function,
            template.observation, template.prefix,
        ]
        for part in parts {
            for case .token(let token) in part { tokens[token] = try id(token) }
        }
        self.tokens = tokens
        emptyThoughts = tokenizer.encode(template.emptyThoughts, addSpecialTokens: false)
    }

    /// Ids at which generation ends: end of text and the template's stop words.
    package var stopTokens: Set<Int32> {
        Set([endOfText] + template.stopWords.compactMap { tokenizer.id(of: $0) })
    }

    // MARK: Messages

    /// The ids of each message; the first one's have the prefix and the system prompt before them.
    private func encode(
        _ messages: [ConversationMessage], system: String, tools: String
    ) throws(RowProblem) -> [[Int32]] {
        var encoded: [[Int32]] = []
        for (index, message) in messages.enumerated() {
            var slots: [ChatTemplate.Slot] = []
            var content = message.content
            if index == 0 {
                slots += template.prefix
                if let system = try systemSlots(system, tools) {
                    if template.kind != .systemInUser {
                        slots += system
                    } else if message.role == .user, case .text(let text)? = system.first {
                        content = text + content
                    }
                }
            }
            switch message.role {
            case .user: slots += template.user.filled(content)
            case .assistant: slots += template.assistant.filled(thoughts(of: message) + content)
            case .observation: slots += template.observation.filled(answers(message))
            case .function: slots += try functionSlots(message)
            }
            encoded.append(ids(of: slots))
        }
        return encoded
    }

    private func systemSlots(
        _ system: String, _ tools: String
    ) throws(RowProblem) -> [ChatTemplate.Slot]? {
        let system = system.isEmpty ? template.defaultSystem : system
        guard !(system.isEmpty && tools.isEmpty) else { return nil }
        return try template.system.filled(system + description(of: tools))
    }

    private func description(of tools: String) throws(RowProblem) -> String {
        if tools.isEmpty { return "" }
        if let marks = template.toolsMarks { return marks.begin + tools + marks.end }
        return try template.toolFormat.description(of: tools, date: settings.date)
    }

    /// What the tools answered; several answers as the template parts them.
    private func answers(_ message: ConversationMessage) -> String {
        message.answers.count > 1
            ? message.answers.map(\.text).joined(separator: template.jointOfAnswers)
            : message.content
    }

    /// Thoughts that a row holds apart from the answer, as a template that reasons writes them.
    private func thoughts(of message: ConversationMessage) -> String {
        guard template.kind == .reasoning, !message.thoughts.isEmpty else { return "" }
        let marks = template.thoughtMarks
        return marks.begin + message.thoughts + marks.end
    }

    /// A message of calls as the model writes them: text before the calls, which stands beside
    /// them or around `<tool_call>…</tool_call>`, and thoughts come first.
    private func functionSlots(
        _ message: ConversationMessage
    ) throws(RowProblem) -> [ChatTemplate.Slot] {
        let content = message.content
        let format = template.toolFormat
        var before = ""
        var json = [content]
        // LLaMA-Factory looks for neither in templates that put the system prompt in the user's.
        if template.kind != .systemInUser {
            let (pieces, calls) = content.separated(template.callMarks)
            if !calls.isEmpty {
                // White space between several calls is the format's.
                let isBlank = { (piece: String) in piece.allSatisfy(\.isWhitespace) }
                before =
                    pieces.count == 2
                    ? pieces.joined()
                    : pieces[0] + pieces.dropFirst().filter { !isBlank($0) }.joined()
                json = calls
            } else if let match = content.span(template.thoughtMarks) {
                before = String(content[match.whole])
                json = [content.replacing(content[match.whole], literally: "")]
            }
        }
        var calls: [ToolFormat.Call] = []
        for text in json { calls += try ToolFormat.calls(in: text) }
        let text = try before + format.text(of: calls)
        return template.function(
            thoughts: thoughts(of: message), text: message.text, calls: text)
    }

    private func ids(of slots: [ChatTemplate.Slot]) -> [Int32] {
        var ids: [Int32] = []
        for slot in slots {
            switch slot {
            case .text(let text):
                if !text.isEmpty { ids += tokenizer.encode(text, addSpecialTokens: false) }
            case .beginOfText: if let id = tokenizer.beginOfText { ids.append(id) }
            case .endOfText: ids.append(endOfText)
            case .token(let token): if let id = tokens[token] { ids.append(id) }
            }
        }
        return ids
    }

    // MARK: Turns

    /// The ids of each turn, what is asked and what is answered.
    ///
    /// - Throws: ``RowProblem`` for tools or calls that are no JSON.
    func turns(
        _ messages: [ConversationMessage], system: String, tools: String
    ) throws(RowProblem) -> [(source: [Int32], target: [Int32])] {
        var messages = messages
        let discardsThoughts = settings.masksHistory && !settings.preservesThinking
        let reasons = template.kind == .reasoning
        if reasons {
            for index in messages.indices where index % 2 == 1 {
                let isLast = index >= messages.count - 2
                if settings.enableThinking == false || (discardsThoughts && !isLast) {
                    messages[index].removeThoughts(template.thoughtMarks)
                }
            }
        }
        var encoded = try encode(messages, system: system, tools: tools)
        if reasons {
            let first = discardsThoughts ? messages.count - 2 : 0
            for index in stride(from: first, to: messages.count - 1, by: 2)
            where !messages[index + 1].mentionsThoughts(template.thoughtMarks) {
                if settings.enableThinking == true {
                    encoded[index + 1] = emptyThoughts + encoded[index + 1]
                } else {
                    encoded[index] += emptyThoughts
                }
            }
        }
        return stride(from: 0, to: encoded.count - 1, by: 2).map {
            (encoded[$0], encoded[$0 + 1])
        }
    }

    /// The ids before the last message, and those of the last message.
    private func lastTurn(
        _ conversation: Conversation
    ) throws(RowProblem) -> (prompt: [Int32], response: [Int32]) {
        var messages = conversation.prompt
        messages.append(conversation.response ?? ConversationMessage(.assistant, ""))
        let last = messages.count - 1
        if template.kind == .reasoning {
            if !settings.preservesThinking {
                for index in stride(from: 1, to: messages.count - 2, by: 2) {
                    messages[index].removeThoughts(template.thoughtMarks)
                }
            }
            if settings.enableThinking == false {
                messages[last].removeThoughts(template.thoughtMarks)
            }
        }
        var encoded = try encode(
            messages, system: conversation.system, tools: conversation.tools)
        var response = encoded.removeLast()
        var prompt = Array(encoded.joined())
        if template.kind == .reasoning, !messages[last].mentionsThoughts(template.thoughtMarks) {
            if settings.enableThinking == true {
                response = emptyThoughts + response
            } else {
                prompt += emptyThoughts
            }
        }
        return (prompt, response)
    }

    /// The ids of a prompt to be answered.
    ///
    /// - Parameters:
    ///   - messages: an odd number, the last one the user's or a tool's
    ///   - system: empty for the template's own
    ///   - tools: a JSON list as text; empty for none
    /// - Throws: ``TemplateError/conversation(found:expected:)`` for tools or calls that are
    ///   no JSON, or an even number of messages.
    package func promptIDs(
        _ messages: [ConversationMessage], system: String = "", tools: String = ""
    ) throws(TemplateError) -> [Int32] {
        guard messages.count % 2 == 1 else {
            throw .conversation(
                found: "\(messages.count) messages", expected: "an odd number, the user's last")
        }
        let conversation = Conversation(
            prompt: messages, response: nil, system: system, tools: tools)
        do {
            return try lastTurn(conversation).prompt
        } catch {
            throw .conversation(found: error.found, expected: error.expected)
        }
    }

    /// A prompt and its reference answer, both shortened to fit `cutoff_len` together.
    package func promptExample(_ conversation: Conversation) throws(RowProblem) -> PromptExample {
        var (prompt, response) = try lastTurn(conversation)
        if template.hasEfficientEnd { response.append(endOfText) }
        return PromptExample(prompt, response, cutoff: settings.cutoffLength)
    }
}
