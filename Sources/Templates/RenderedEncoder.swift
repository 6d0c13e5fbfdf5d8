import Files
import Foundation
import Jinja
import Tokenizers

/// Writes conversations as token ids with a model's own template.
///
/// The whole conversation is rendered and encoded as one text, as transformers does. What is
/// learned is found by rendering: a conversation with and without an answer.
struct RenderedEncoder: ConversationEncoding {
    let template: RenderedTemplate
    let tokenizer: any Tokenizer
    let settings: EncodingSettings
    let endOfText: Int32
    let stopTokens: Set<Int32>
    /// The text that the template writes after an answer.
    let answerEnd: String

    var format: any ConversationFormat { template }
    var missingStopWords: [String] { [] }
    var needsTurns: Bool { false }

    /// - Throws: ``TemplateError/setting(name:found:expected:)`` for settings that contradict
    ///   each other; ``TemplateError/noTemplate(reason:)`` where nothing ends an answer.
    init(
        _ template: RenderedTemplate, _ tokenizer: any Tokenizer, _ settings: EncodingSettings
    ) throws(TemplateError) {
        try settings.validate()
        self.template = template
        self.tokenizer = tokenizer
        self.settings = settings
        answerEnd = Self.answerEnd(template)
        let first = tokenizer.encode(answerEnd, addSpecialTokens: false).first
        let end = first.flatMap { id in
            tokenizer.addedTokens.contains { $0.id == id } ? id : nil
        }
        // A template that writes eos_token by name would write another one were that changed.
        let known = template.source.contains("eos_token") ? tokenizer.endOfText ?? end : end
        guard let last = known ?? tokenizer.endOfText ?? tokenizer.id(of: "<|endoftext|>") else {
            throw .noTemplate(
                reason: "the model's own chat template ends answers with no token of the "
                    + "tokenizer's, which has no eos_token either")
        }
        endOfText = last
        stopTokens = Set([last, end, tokenizer.endOfText].compactMap { $0 })
    }

    /// What follows an answer in a conversation that has one; empty where that cannot be told.
    private static func answerEnd(_ template: RenderedTemplate) -> String {
        let mark = "ANSWER"
        let messages = [("user", "QUESTION"), ("assistant", mark)].map { (role, content) in
            JSONValue.object([("role", .string(role)), ("content", .string(content))])
        }
        guard let text = try? template.render(.init(messages: messages)).text,
            let place = text.range(of: mark, options: .backwards)
        else { return "" }
        return String(text[place.upperBound...])
    }

    // MARK: Rendering

    /// A conversation's text after so many of its messages.
    private func render(
        _ rendered: RenderedMessages, _ count: Int, asksForAnswer: Bool
    ) throws(RowProblem) -> JinjaTemplate.Rendering {
        var request = RenderedTemplate.Request(
            messages: Array(rendered.messages.prefix(count)), tools: rendered.tools,
            asksForAnswer: asksForAnswer)
        request.date = settings.date
        if settings.enableThinking == false {
            request.variables.append(("enable_thinking", .bool(false)))
        }
        return try template.render(request)
    }

    private func messages(
        _ messages: [ConversationMessage], _ system: String, _ tools: String
    ) throws(RowProblem) -> RenderedMessages {
        let rendered = try RenderedMessages(
            messages, system: system.isEmpty ? template.defaultSystem : system, tools: tools)
        guard rendered.tools != nil else { return rendered }
        // Tools that the template passes over would be missed without a word.
        let without = try RenderedMessages(
            messages, system: system.isEmpty ? template.defaultSystem : system, tools: "")
        let count = rendered.counts.first ?? 0
        let text = try render(rendered, count, asksForAnswer: true).text
        guard try render(without, count, asksForAnswer: true).text != text else {
            throw RowProblem(
                found: "tools, which the model's own chat template does not write",
                expected: "none, or template: NAME with a template that has tools")
        }
        return rendered
    }

    // MARK: Turns

    /// The ids of each turn, what is asked and what is answered.
    private func turns(
        _ conversation: Conversation, _ response: ConversationMessage
    ) throws(RowProblem) -> [(source: ArraySlice<Int32>, target: ArraySlice<Int32>)] {
        let all = conversation.prompt + [response]
        let rendered = try messages(all, conversation.system, conversation.tools)
        let full = try render(rendered, rendered.messages.count, asksForAnswer: false)
        let answers = all.indices.filter { $0 % 2 == 1 }
        let spans: [Range<Int>]
        if full.generated.count == answers.count, !full.lostGenerated {
            spans = full.generated
        } else {
            spans = try answerSpans(rendered, answers, in: full.text)
        }
        let places = TokenPlaces(full.text, tokenizer)
        var turns: [(source: ArraySlice<Int32>, target: ArraySlice<Int32>)] = []
        var before = 0
        for (number, span) in spans.enumerated() {
            let start = max(before, places.first(at: span.lowerBound))
            var end = max(start, places.end(at: span.upperBound))
            // What follows the last answer belongs to its turn, too.
            if number == spans.count - 1, full.generated.isEmpty { end = places.ids.count }
            turns.append((places.ids[before..<start], places.ids[start..<end]))
            before = end
        }
        if before < places.ids.count { turns.append((places.ids[before...], [])) }
        return turns
    }

    /// Where answers stand in the text of a conversation: what follows the prompt for each.
    ///
    /// With `mask_history` only the last one has to be found.
    private func answerSpans(
        _ rendered: RenderedMessages, _ answers: [Int], in text: String
    ) throws(RowProblem) -> [Range<Int>] {
        var spans: [Range<Int>] = []
        for answer in answers {
            let isLast = answer == answers.last
            let before = answer > 0 ? rendered.counts[answer - 1] : 0
            let prompt = try render(rendered, before, asksForAnswer: true).text
            let answered =
                isLast
                ? text : try render(rendered, rendered.counts[answer], asksForAnswer: false).text
            guard text.utf8.starts(with: answered.utf8) else {
                // Only the last answer is learned, so earlier ones may stay part of its prompt.
                if settings.masksHistory { continue }
                throw RowProblem(
                    found: "a conversation whose earlier answers the model's own chat template "
                        + "writes otherwise once others follow (answer \(answer / 2 + 1) of "
                        + "\(answers.count))",
                    expected: "mask_history: true, which learns the last answer only, or "
                        + "template: NAME")
            }
            guard answered.utf8.starts(with: prompt.utf8) else {
                if settings.masksHistory, !isLast { continue }
                throw RowProblem(
                    found: "an answer that the model's own chat template does not write as it "
                        + "asks for one (it asks with "
                        + "\"\(Self.difference(prompt, from: answered))\")",
                    expected: "template: NAME, or thoughts in the answers that the template wants")
            }
            spans.append(prompt.utf8.count..<answered.utf8.count)
        }
        return spans
    }

    /// The end of `text` from where it is no longer like `other`, for a message.
    private static func difference(_ text: String, from other: String) -> String {
        let same = zip(text.unicodeScalars, other.unicodeScalars).prefix { $0 == $1 }.count
        return JSONValue.shortened(String(text.unicodeScalars.dropFirst(same)))
    }

    // MARK: Examples

    func example(
        _ conversation: Conversation
    ) throws(RowProblem) -> (
        example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool
    ) {
        guard let response = conversation.response else {
            throw RowProblem(found: "no answer", expected: "one to learn from")
        }
        let turns = try turns(conversation, response)
        return EncodedTurns(turns, lastLearned: turns.lastIndex { !$0.target.isEmpty })
            .example(settings)
    }

    func promptExample(_ conversation: Conversation) throws(RowProblem) -> PromptExample {
        let prompt = try prompt(
            conversation.prompt, system: conversation.system, tools: conversation.tools)
        let promptIDs = tokenizer.encode(prompt, addSpecialTokens: false)
        var response: [Int32] = []
        if let answer = conversation.response {
            let rendered = try messages(
                conversation.prompt + [answer], conversation.system, conversation.tools)
            let full = try render(rendered, rendered.messages.count, asksForAnswer: false).text
            // A template may write an answer otherwise than it asks for one; its words stay.
            let text =
                full.utf8.starts(with: prompt.utf8)
                ? String(decoding: full.utf8.dropFirst(prompt.utf8.count), as: UTF8.self)
                : answer.content + answerEnd
            response = tokenizer.encode(text, addSpecialTokens: false)
        }
        return PromptExample(promptIDs, response, cutoff: settings.cutoffLength)
    }

    private func prompt(
        _ prompt: [ConversationMessage], system: String, tools: String
    ) throws(RowProblem) -> String {
        let rendered = try messages(prompt, system, tools)
        return try render(rendered, rendered.messages.count, asksForAnswer: true).text
    }

    func promptIDs(
        _ messages: [ConversationMessage], system: String, tools: String
    ) throws(TemplateError) -> [Int32] {
        do {
            return tokenizer.encode(
                try prompt(messages, system: system, tools: tools), addSpecialTokens: false)
        } catch {
            throw .conversation(found: error.found, expected: error.expected)
        }
    }
}
