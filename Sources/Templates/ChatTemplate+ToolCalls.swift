import Foundation

/// Where a family's own templates write what LLaMA-Factory's slots have no place for.
extension ChatTemplate {
    /// The slots of a message of calls with text before them: thoughts and text as an answer
    /// begins, then the calls.
    ///
    /// - Parameters:
    ///   - thoughts: with their marks; empty for none
    ///   - text: empty for none
    ///   - calls: the calls as the tool format writes them
    func function(thoughts: String, text: String, calls: String) -> [Slot] {
        guard !text.isEmpty || !thoughts.isEmpty else { return function.filled(calls) }
        let place = function.firstIndex { slot in
            if case .text(let part) = slot { part.contains("{{content}}") } else { false }
        }
        guard let place, case .text(let part) = function[place] else {
            return function.filled(thoughts + text + calls)
        }
        let after = [Slot.text(part)].around.after
        let before = thoughts + (text.isEmpty ? "" : text + jointBeforeCalls)
        let whole = assistant.around.before + before + calls + after
        return [.text(whole)] + function[(place + 1)...]
    }

    /// What the models' own templates write between text and calls.
    private var jointBeforeCalls: String {
        switch toolFormat {
        case .qwen35: return "\n\n"
        case .glm4Moe, .seedOSS, .lfm2: return ""
        // GLM-4 writes calls as an answer of their own.
        case .glm4: return user.around.after.hasSuffix("<|assistant|>") ? "<|assistant|>" : "\n"
        case .mistral:
            let mark = function.around.before
            return mark.isEmpty ? "\n" : mark
        case .standard, .llama3, .qwen, .ling, .minimax1, .minimax2: return "\n"
        }
    }

    /// What stands between answers of several tools that come at once.
    ///
    /// Qwen and those like it write them into one message. Others repeat the tool's header; where
    /// a template has none, a line break parts them.
    var jointOfAnswers: String {
        let (before, after) = observation.around
        if before.contains("<tool_response>") { return Self.qwenJoint }
        if before.hasSuffix("<response>") { return "</response>\n<response>" }
        if observation == user { return "\n" }
        return after.dropping(suffix: generationHeader) + before
    }

    /// Between answers of several tools in one message of Qwen's.
    static let qwenJoint = "\n</tool_response>\n<tool_response>\n"

    /// What stands between a message and the answer to it, as `<|im_start|>assistant\n`.
    private var generationHeader: String {
        let after = user.around.after
        let end = assistant.around.after
        return after.hasPrefix(end) ? String(after.dropFirst(end.count)) : after
    }
}

extension String {
    fileprivate func dropping(suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
