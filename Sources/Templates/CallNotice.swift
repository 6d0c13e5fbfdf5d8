/// What a user should know about how calls of tools and thoughts were written; said once a run.
package enum CallNotice: Int, Sendable, CaseIterable {
    case argumentsAsText, textBesideCalls, severalAnswers, severalSpans, openCalls
    case thoughts, thoughtsWithoutPlace

    /// The notice as a line.
    ///
    /// - Parameter format: the tool format that wrote the calls
    package func line(_ format: String) -> String {
        switch self {
        case .argumentsAsText:
            "arguments of tool calls found as JSON text: written as the object that the text is "
                + "(LLaMA-Factory writes a quoted text)"
        case .textBesideCalls:
            "messages with both text and tool calls found: the text is written before the calls "
                + "(LLaMA-Factory drops it)"
        case .severalAnswers:
            "answers of several tools at once found: each has the template's own marks "
                + "(LLaMA-Factory parts them by </tool_response> as Qwen does)"
        case .severalSpans:
            "messages with several marked tool calls found: all are written, in their order "
                + "(LLaMA-Factory takes the first as a call and the rest as text)"
        case .openCalls:
            "tool format \(format) writes calls as LLaMA-Factory does, without the mark around them "
                + "that the model's own template has; leave template out to use that template"
        case .thoughts:
            "reasoning_content found: written as thoughts before the answer (LLaMA-Factory drops "
                + "it)"
        case .thoughtsWithoutPlace:
            "reasoning_content found, but the template has no place for thoughts: left out"
        }
    }
}

extension Conversation {
    /// What is to be said of its calls under a template.
    func callNotices(_ template: ChatTemplate) -> Set<CallNotice> {
        var notices: Set<CallNotice> = []
        for message in prompt + (response.map { [$0] } ?? []) {
            if message.answers.count > 1, template.jointOfAnswers != ChatTemplate.qwenJoint {
                notices.insert(.severalAnswers)
            }
            if !message.thoughts.isEmpty {
                let isWritten = template.kind == .reasoning
                notices.insert(isWritten ? .thoughts : .thoughtsWithoutPlace)
            }
            guard message.role == .function else { continue }
            let (_, spans) = message.content.separated(template.callMarks)
            let texts = spans.isEmpty ? [message.content] : spans
            if texts.contains(where: ToolFormat.hasArgumentsAsText) {
                notices.insert(.argumentsAsText)
            }
            if !message.text.isEmpty { notices.insert(.textBesideCalls) }
            if spans.count > 1 { notices.insert(.severalSpans) }
            if [.glm4Moe, .minimax2].contains(template.toolFormat) { notices.insert(.openCalls) }
        }
        return notices
    }
}
