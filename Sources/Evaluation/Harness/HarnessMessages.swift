import Files
import Jinja
package import Templates

/// A part of a prompt: what stands in it, and what follows it where prompts are plain text.
///
/// Source: lm-evaluation-harness 0.4.13, api/utils.py (`Message`, `multiturn_to_singleturn`).
struct HarnessMessage {
    enum Role: String { case system, user, assistant }

    let role: Role
    let content: String
    var delimiter = ""

    var text: String { content + delimiter }
}

/// How prompts are written where they are conversations (`apply_chat_template`).
package struct HarnessChat: Sendable {
    private let template: RenderedTemplate
    /// Whether each shot is a turn of its own; else all of them stand before the question in one.
    private let isMultiturn: Bool

    package init(_ template: RenderedTemplate, isMultiturn: Bool) {
        (self.template, self.isMultiturn) = (template, isMultiturn)
    }

    /// The prompt's text. A beginning of the answer is its last message, which the template leaves open.
    ///
    /// A system prompt that the template refuses is left out, as there.
    func text(_ messages: [HarnessMessage]) throws(RowProblem) -> String {
        let turns = isMultiturn ? messages : Self.singleTurn(messages)
        do throws(RowProblem) {
            return try rendered(turns)
        } catch {
            let others = turns.filter { $0.role != .system }
            guard others.count < turns.count else { throw error }
            return try rendered(others)
        }
    }

    private static func singleTurn(_ messages: [HarnessMessage]) -> [HarnessMessage] {
        let system = messages.prefix { $0.role == .system }
        var asked = Array(messages.dropFirst(system.count))
        let begun = asked.last?.role == .assistant ? asked.popLast() : nil
        if !asked.isEmpty { asked[asked.count - 1].delimiter = "" }
        let question = HarnessMessage(role: .user, content: asked.map(\.text).joined())
        return system + [question] + (begun.map { [$0] } ?? [])
    }

    private func rendered(_ messages: [HarnessMessage]) throws(RowProblem) -> String {
        let begun = messages.last?.role == .assistant ? messages.last?.content : nil
        let request = RenderedTemplate.Request(
            messages: messages.map {
                .object([
                    ("role", .string($0.role.rawValue)), ("content", .string($0.content)),
                ])
            }, asksForAnswer: begun == nil)
        let text = try template.render(request).text
        guard let begun else { return text }
        return try Self.cut(text, after: begun)
    }

    /// The text up to the end of its last message.
    ///
    /// Source: transformers, utils/chat_template_utils.py (`continue_final_message`).
    private static func cut(_ text: String, after content: String) throws(RowProblem) -> String {
        let bare = PythonPattern.stripped(content)
        guard let place = text.ranges(of: bare).last else {
            throw RowProblem(
                found: "a chat template that changes the beginning of the answer",
                expected: "'\(bare)' in what it writes")
        }
        let spaces = content.unicodeScalars.reversed().prefix { $0.isPythonSpace }
        let trailing = String(String.UnicodeScalarView(spaces.reversed()))
        let rest = text[place.upperBound...]
        return String(text[..<place.upperBound]) + (rest.hasPrefix(trailing) ? trailing : "")
    }
}
