import Files
import Foundation
package import Tokenizers

extension ChatTemplate {
    /// The template of the table that writes the same ids as a model's own template, for every one
    /// of some conversations that templates are told apart by; `nil` where none does.
    ///
    /// A system prompt that the model's template adds by itself becomes the template's.
    package static func recognised(
        as own: RenderedTemplate, _ tokenizer: any Tokenizer
    ) -> ChatTemplate? {
        guard let probes = RecognitionProbes(own, tokenizer) else { return nil }
        let similar = table.filter(probes.isSameWithSystem)
        if let same = similar.first(where: probes.isSameWithoutSystem) { return same }
        guard let system = probes.ownSystem else { return nil }
        return similar.lazy.map { template in
            var template = template
            template.defaultSystem = system
            return template
        }.first(where: probes.isSameWithoutSystem)
    }

    /// Whether the template writes a plain conversation otherwise than a model's own.
    package func writesOtherwise(
        than own: RenderedTemplate, _ tokenizer: any Tokenizer
    ) -> Bool {
        guard let encoder = try? ConversationEncoder(self, tokenizer) else { return true }
        return RecognitionProbes.simple.contains { conversation in
            guard
                let text = RecognitionProbes.text(own, conversation, isAnswered: true),
                let example = try? encoder.example(conversation).example
            else { return false }
            return example.ids != tokenizer.encode(text, addSpecialTokens: false)
        }
    }
}

/// Conversations that tell templates apart, and the ids that a model's own template writes.
private struct RecognitionProbes {
    private let tokenizer: any Tokenizer
    private let settings: EncodingSettings
    /// Pairs of a conversation and its ids, with the answer and as a prompt.
    private let withSystem: [Probe]
    private let withoutSystem: [Probe]
    /// The system prompt that the model's template adds by itself.
    let ownSystem: String?

    private struct Probe {
        let conversation: Conversation
        let whole: [Int32]
        let prompt: [Int32]
    }

    private static let tools = """
        [{"type": "function", "function": {"name": "rain", "description": "Will it rain?", \
        "parameters": {"type": "object", "properties": {"city": {"type": "string", \
        "description": "Where"}}, "required": ["city"]}}}]
        """

    private static func conversation(
        _ messages: (ConversationRole, String)..., system: String = "", tools: String = ""
    ) -> Conversation {
        let all = messages.map { ConversationMessage($0.0, $0.1) }
        return Conversation(
            prompt: Array(all.dropLast()), response: all.last, system: system, tools: tools)
    }

    /// Without a system prompt: one turn, several, white space, a thought, calls of a tool.
    private static let plain = [
        conversation((.user, "Hi there"), (.assistant, "Hello.")),
        conversation(
            (.user, "One?"), (.assistant, "Two."), (.user, "Three?"), (.assistant, "Four.")),
        conversation((.user, "  odd \n\n"), (.assistant, " white  ")),
        conversation(
            (.user, "Why?"), (.assistant, "<think>\nLet me see.\n</think>\n\nSo."),
            (.user, "Yes?"), (.assistant, "<think>\nAgain.\n</think>\n\nNo.")),
        conversation((.user, "Rain?"), (.assistant, "No."), tools: tools),
        conversation(
            (.user, "Rain?"),
            (.function, #"[{"name": "rain", "arguments": {"city": "Oslo"}}]"#),
            (.observation, "rain"), (.assistant, "Yes."), tools: tools),
    ]

    /// `nil` where the model's template refuses one of the conversations: the table's refuse none.
    init?(_ own: RenderedTemplate, _ tokenizer: any Tokenizer) {
        var settings = EncodingSettings()
        settings.cutoffLength = 1 << 20
        self.settings = settings
        self.tokenizer = tokenizer
        let system = "Be brief."
        let led = Self.plain.map { conversation in
            var conversation = conversation
            conversation.system = system
            return conversation
        }
        guard let withSystem = Self.probes(led, own, tokenizer),
            let withoutSystem = Self.probes(Self.plain, own, tokenizer)
        else { return nil }
        self.withSystem = withSystem
        self.withoutSystem = withoutSystem
        ownSystem = Self.ownSystem(own, given: system)
    }

    private static func probes(
        _ conversations: [Conversation], _ own: RenderedTemplate, _ tokenizer: any Tokenizer
    ) -> [Probe]? {
        var probes: [Probe] = []
        for conversation in conversations {
            guard let whole = text(own, conversation, isAnswered: true),
                let prompt = text(own, conversation, isAnswered: false)
            else { return nil }
            probes.append(
                Probe(
                    conversation: conversation,
                    whole: tokenizer.encode(whole, addSpecialTokens: false),
                    prompt: tokenizer.encode(prompt, addSpecialTokens: false)))
        }
        return probes
    }

    /// The text of a conversation with its answer, or of the prompt for it.
    static func text(
        _ own: RenderedTemplate, _ conversation: Conversation, isAnswered: Bool
    ) -> String? {
        let answer = isAnswered ? [conversation.response].compactMap { $0 } : []
        guard
            let rendered = try? RenderedMessages(
                conversation.prompt + answer, system: conversation.system,
                tools: conversation.tools)
        else { return nil }
        return try? own.render(
            .init(
                messages: rendered.messages, tools: rendered.tools, asksForAnswer: !isAnswered)
        ).text
    }

    /// One turn and two, without and with a system prompt.
    static var simple: [Conversation] {
        plain[..<2].flatMap { conversation in
            var led = conversation
            led.system = "Be brief."
            return [conversation, led]
        }
    }

    /// What the template writes in the place of a system prompt where there is none.
    private static func ownSystem(_ own: RenderedTemplate, given: String) -> String? {
        var conversation = plain[0]
        guard let bare = text(own, conversation, isAnswered: false) else { return nil }
        conversation.system = given
        guard let led = text(own, conversation, isAnswered: false) else { return nil }
        let parts = led.components(separatedBy: given)
        guard parts.count == 2, bare.hasPrefix(parts[0]), bare.hasSuffix(parts[1]),
            bare.utf8.count >= parts[0].utf8.count + parts[1].utf8.count
        else { return nil }
        return String(bare.dropFirst(parts[0].count).dropLast(parts[1].count))
    }

    /// Whether a template writes conversations with a system prompt as the model's own does.
    func isSameWithSystem(_ template: ChatTemplate) -> Bool { isSame(template, withSystem) }

    /// Whether it does so without one, where each adds its own.
    func isSameWithoutSystem(_ template: ChatTemplate) -> Bool { isSame(template, withoutSystem) }

    private func isSame(_ template: ChatTemplate, _ probes: [Probe]) -> Bool {
        guard let encoder = try? ConversationEncoder(template, tokenizer, settings) else {
            return false
        }
        return probes.allSatisfy { isSame(encoder, $0) }
    }

    private func isSame(_ encoder: ConversationEncoder, _ probe: Probe) -> Bool {
        guard
            let prompt = try? encoder.promptIDs(
                probe.conversation.prompt, system: probe.conversation.system,
                tools: probe.conversation.tools), prompt == probe.prompt,
            let example = try? encoder.example(probe.conversation).example
        else { return false }
        return example.ids == probe.whole
    }
}
