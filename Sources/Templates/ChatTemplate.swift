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

    /// What stands before and after something in an assistant's message.
    package struct MarkPair: Sendable, Equatable {
        package let begin: String
        package let end: String

        package init(_ begin: String, _ end: String) {
            self.begin = begin
            self.end = end
        }

        package static let think = MarkPair("<think>\n", "\n</think>\n\n")
        /// MarkPair without line breaks.
        package static let bareThink = MarkPair("<think>", "</think>")
        package static let toolCall = MarkPair("<tool_call>", "</tool_call>")
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
    /// What stands around the rows' own text of tools, where no format describes them.
    package var toolsMarks: MarkPair?
    package var defaultSystem = ""
    /// Tokens at which generation ends besides the token that ends a text.
    package var stopWords: [String] = []
    /// One end-of-text token closes the whole conversation, and none each turn.
    package var hasEfficientEnd = false
    /// The first stop word takes the place of the tokenizer's end of text.
    package var replacesEndOfText = false
    package var kind = Kind.plain
    /// What stands around thoughts.
    package var thoughtMarks = MarkPair.think
    /// What the rows put around calls that have text before them.
    package var callMarks = MarkPair.toolCall
    /// Whether thoughts that are empty are the end mark alone.
    package var emptyThoughtsOnlyEnd = false

    /// Thoughts of an answer without any.
    package var emptyThoughts: String {
        emptyThoughtsOnlyEnd ? thoughtMarks.end : thoughtMarks.begin + thoughtMarks.end
    }

    /// A template; what is left out follows from the rest as LLaMA-Factory completes it.
    init(
        _ name: String, user: [Slot]? = nil, assistant: [Slot]? = nil, system: [Slot]? = nil,
        function: [Slot]? = nil, observation: [Slot]? = nil, prefix: [Slot] = [],
        tools: ToolFormat = .standard, defaultSystem: String = "", stopWords: [String] = [],
        efficientEnd: Bool = false, replacesEnd: Bool = false, kind: Kind = .plain,
        thoughts: MarkPair = .think
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
        thoughtMarks = thoughts
    }

    /// The template that LLaMA-Factory registers under `name`.
    ///
    /// - Throws: ``TemplateError/unknownTemplate(name:nearest:known:)``, or
    ///   ``TemplateError/mediaTemplate(name:needs:)`` for one whose rows have images or sound.
    package static func named(_ name: String) throws(TemplateError) -> ChatTemplate {
        let table = ChatTemplate.table
        if let template = table.first(where: { $0.name == name }) { return template }
        if let needs = mediaTemplates[name] { throw .mediaTemplate(name: name, needs: needs) }
        let known = table.map(\.name)
        throw .unknownTemplate(
            name: name, nearest: NearestName.find(name, among: known), known: known)
    }

    /// The template with another tool format, as `tool_format` asks for.
    ///
    /// As in LLaMA-Factory the slots of calls become the plain ones, which end with end of text.
    ///
    /// - Throws: ``TemplateError/setting(name:found:expected:)`` for an unknown format.
    package func withToolFormat(_ name: String) throws(TemplateError) -> ChatTemplate {
        guard let format = ToolFormat(rawValue: name) else {
            throw .setting(
                name: "tool_format", found: name,
                expected: "one of "
                    + ToolFormat.allCases.map(\.rawValue).joined(separator: ", "))
        }
        var template = self
        template.function = hasEfficientEnd ? ["{{content}}"] : ["{{content}}", .endOfText]
        template.toolFormat = format
        template.toolsMarks = nil
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

    /// The text before and after the message; tokens by name count as text.
    var around: (before: String, after: String) {
        let text = map { slot in
            switch slot {
            case .text(let text), .token(let text): text
            case .beginOfText, .endOfText: ""
            }
        }.joined()
        guard let place = text.range(of: "{{content}}", options: .literal) else {
            return (text, "")
        }
        return (String(text[..<place.lowerBound]), String(text[place.upperBound...]))
    }
}
