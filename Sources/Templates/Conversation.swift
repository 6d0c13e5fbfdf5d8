package import Tokenizers

/// Who speaks in a conversation.
package enum ConversationRole: String, Sendable, Equatable {
    case user, assistant
    /// A call of a tool by the assistant; the content is JSON.
    case function
    /// What a tool answered.
    case observation
}

/// What a tool answered. The model's own template may want to know which call it answers (Mistral's does).
package struct ToolAnswer: Sendable, Equatable {
    package var text: String
    /// The id of the call (`tool_call_id`), where the row has it.
    package var callID: String?
    /// The tool's name, where the row has it.
    package var name: String?

    package init(_ text: String, callID: String? = nil, name: String? = nil) {
        self.text = text
        self.callID = callID
        self.name = name
    }
}

/// One message of a conversation.
package struct ConversationMessage: Sendable, Equatable {
    package var role: ConversationRole
    package var content: String
    /// Text that stands before calls.
    package var text = ""
    /// Thoughts that the row holds apart from the answer (`reasoning_content`).
    package var thoughts = ""
    /// Ids of the calls in `content`, one each, where the row has them.
    package var callIDs: [String?] = []
    /// Answers of tools one by one, where the row has them so; `content` has them as one text.
    package var answers: [ToolAnswer] = []

    package init(
        _ role: ConversationRole, _ content: String, text: String = "", callIDs: [String?] = []
    ) {
        self.role = role
        self.content = content
        self.text = text
        self.callIDs = callIDs
    }

    /// Answers of tools to one message; of several LLaMA-Factory makes one as Qwen does.
    package init(answers: [ToolAnswer]) {
        role = .observation
        content = answers.map(\.text).joined(separator: ChatTemplate.qwenJoint)
        self.answers = answers
    }

    mutating func removeThoughts(_ marks: ChatTemplate.MarkPair) {
        thoughts = ""
        content = content.withoutThoughts(marks)
        if !text.isEmpty { text = text.withoutThoughts(marks) }
    }

    func mentionsThoughts(_ marks: ChatTemplate.MarkPair) -> Bool {
        !thoughts.isEmpty || content.mentionsThoughts(marks) || text.mentionsThoughts(marks)
    }
}

extension [ConversationMessage] {
    /// The place of the first message that breaks the rule of templates of the table: users (or tools that were
    /// called) and the assistant speak in turn, a user first. `nil` where none does.
    package var firstOutOfTurn: Int? {
        indices.first { index in
            switch self[index].role {
            case .user: index % 2 == 1
            case .assistant, .function: index % 2 == 0
            case .observation: index % 2 == 1 || index == 0 || self[index - 1].role != .function
            }
        }
    }
}

/// A row of a dataset: an odd number of messages that end with the user's, and an answer.
package struct Conversation: Sendable, Equatable {
    /// user, assistant, …, user; observations stand for users, functions for assistants.
    package var prompt: [ConversationMessage]
    /// What is learned; `nil` where the row has none, as prompts for generation do.
    package var response: ConversationMessage?
    /// Empty for the template's own system prompt.
    package var system = ""
    /// A JSON list of tools as text; empty for none.
    package var tools = ""

    package init(
        prompt: [ConversationMessage], response: ConversationMessage?, system: String = "",
        tools: String = ""
    ) {
        self.prompt = prompt
        self.response = response
        self.system = system
        self.tools = tools
    }
}

/// Token ids and what is learned of them.
package struct TokenizedExample: Sendable, Equatable {
    package var ids: [Int32]
    /// As many as ids and not shifted: the id itself where it is learned, else ``noLoss``.
    package var labels: [Int32]
    /// With neat packing, the number of each id's conversation in its pack, from 1.
    package var segments: [Int32]?

    /// The label of an id that is not learned.
    package static let noLoss: Int32 = -100

    package init(ids: [Int32], labels: [Int32], segments: [Int32]? = nil) {
        self.ids = ids
        self.labels = labels
        self.segments = segments
    }

    /// Ids that are learned. The first id of a sequence has nothing before it to predict it from,
    /// so a label there does not count.
    package var targetCount: Int {
        labels.dropFirst().count { $0 != Self.noLoss }
    }

    /// Whether anything is learned.
    package var hasTargets: Bool {
        labels.dropFirst().contains { $0 != Self.noLoss }
    }

    /// The example as LLaMA-Factory prints its first one: ids and labels, as numbers and decoded.
    ///
    /// - Parameter title: `training example` or `eval example`.
    package func description(_ title: String, tokenizer: any Tokenizer) -> String {
        let learned = labels.filter { $0 != Self.noLoss }
        return """
            \(title):
            input_ids:
            [\(ids.map { "\($0)" }.joined(separator: ", "))]
            inputs:
            \(tokenizer.decode(ids))
            label_ids:
            [\(labels.map { "\($0)" }.joined(separator: ", "))]
            labels:
            \(tokenizer.decode(learned))
            """
    }
}

/// A prompt to be answered, with the answer to compare with.
package struct PromptExample: Sendable, Equatable {
    package var ids: [Int32]
    /// Ids of the reference answer, the template's end included.
    package var labels: [Int32]

    package init(ids: [Int32], labels: [Int32]) {
        self.ids = ids
        self.labels = labels
    }

    /// A prompt and its answer, both shortened to fit `cutoff` tokens together.
    init(_ prompt: [Int32], _ response: [Int32], cutoff: Int) {
        let kept = TurnTruncation.lengths(
            source: prompt.count, target: response.count, cutoff: cutoff)
        ids = Array(prompt.prefix(kept.source))
        labels = Array(response.prefix(kept.target))
    }
}
