import Files
import Foundation

/// How a conversation is written as text for a family of models, as LLaMA-Factory's templates do.
///
/// Each part is a list of slots, and each slot is tokenized by itself.
package struct ChatTemplate: Sendable, Equatable {
    /// A piece of a part. Text may hold `{{content}}`, which the message takes the place of.
    package enum Slot: Sendable, Equatable, ExpressibleByStringLiteral {
        case text(String)
        /// The tokenizer's token that begins a text, if it has one.
        case beginOfText
        /// The token that ends a text.
        case endOfText
        /// A token by name.
        case token(String)

        package init(stringLiteral value: String) { self = .text(value) }
    }

    /// What a template does beyond writing one part after another.
    package enum Kind: Sendable, Equatable {
        case plain
        /// The system prompt stands inside the first user message.
        case systemInUser
        /// Answers begin with thoughts, empty ones if the data have none.
        case reasoning
    }

    package var name: String
    package var user: [Slot] = ["{{content}}"]
    package var assistant: [Slot]
    package var system: [Slot] = ["{{content}}"]
    package var function: [Slot]
    package var observation: [Slot]
    package var prefix: [Slot] = []
    /// How tools and calls are written.
    package var toolFormat: ToolFormat
    package var defaultSystem = ""
    /// Tokens at which generation ends besides the token that ends a text.
    package var stopWords: [String] = []
    /// One end-of-text token closes the whole conversation, and none each turn.
    package var hasEfficientEnd = false
    /// The first stop word takes the place of the tokenizer's end of text.
    package var replacesEndOfText = false
    package var kind = Kind.plain

    /// What stands around thoughts and around calls in an assistant's message.
    static let thoughtWords = (begin: "<think>\n", end: "\n</think>\n\n")
    static let callWords = (begin: "<tool_call>", end: "</tool_call>")

    /// A template; what is left out follows from the rest as LLaMA-Factory completes it.
    init(
        _ name: String, user: [Slot]? = nil, assistant: [Slot]? = nil, system: [Slot]? = nil,
        function: [Slot]? = nil, observation: [Slot]? = nil, prefix: [Slot] = [],
        tools: ToolFormat = .standard, defaultSystem: String = "", stopWords: [String] = [],
        efficientEnd: Bool = false, replacesEnd: Bool = false, kind: Kind = .plain
    ) {
        self.name = name
        self.user = user ?? ["{{content}}"]
        let answer = assistant ?? (efficientEnd ? ["{{content}}"] : ["{{content}}", .endOfText])
        self.assistant = answer
        self.system = system ?? ["{{content}}"]
        self.function = function ?? answer
        self.observation = observation ?? self.user
        self.prefix = prefix
        toolFormat = tools
        self.defaultSystem = defaultSystem
        self.stopWords = stopWords
        hasEfficientEnd = efficientEnd
        replacesEndOfText = replacesEnd
        self.kind = kind
    }

    /// The template that LLaMA-Factory registers under `name`.
    ///
    /// - Throws: ``ConversationError/unknownTemplate(name:nearest:known:)``.
    package static func named(_ name: String) throws(ConversationError) -> ChatTemplate {
        let table = ChatTemplate.table
        if let template = table.first(where: { $0.name == name }) { return template }
        let known = table.map(\.name)
        throw .unknownTemplate(
            name: name, nearest: NearestName.find(name, among: known), known: known)
    }

    /// The template with another tool format, as `tool_format` asks for.
    ///
    /// As in LLaMA-Factory the slots of calls become the plain ones, which end with end of text.
    ///
    /// - Throws: ``ConversationError/setting(name:found:expected:)`` for an unknown format.
    package func withToolFormat(_ name: String) throws(ConversationError) -> ChatTemplate {
        guard let format = ToolFormat(rawValue: name) else {
            throw .setting(
                name: "tool_format", found: name,
                expected: "one of "
                    + ToolFormat.allCases.map(\.rawValue).joined(separator: ", "))
        }
        var template = self
        template.function = hasEfficientEnd ? ["{{content}}"] : ["{{content}}", .endOfText]
        template.toolFormat = format
        return template
    }
}

extension [ChatTemplate.Slot] {
    /// The slots with `content` in its place.
    ///
    /// LLaMA-Factory then also replaces `{{idx}}`, even inside the message; no template here has
    /// it, so a message that speaks of it stays as it is.
    func filled(_ content: String) -> [ChatTemplate.Slot] {
        map { slot in
            guard case .text(let text) = slot,
                let place = text.range(of: "{{content}}", options: .literal)
            else {
                return slot
            }
            return .text(text[..<place.lowerBound] + content + text[place.upperBound...])
        }
    }
}
