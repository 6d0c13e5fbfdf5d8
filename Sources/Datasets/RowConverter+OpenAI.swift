import Files
import Foundation
import Templates

extension RowConverter {
    /// As ``sharegpt(_:)``, with calls under `tool_calls` or OpenAI's older `function_call`, and
    /// several tool answers in a row.
    ///
    /// LLaMA-Factory's converter also adds "detailed thinking off" to system prompts; this does
    /// not, for no other model than one was trained with it. It drops text beside calls, and
    /// thoughts under `reasoning_content`; both are kept here.
    func openAI(_ row: JSONValue) throws(RowProblem) -> Conversation {
        let (list, system) = try messages(row)
        return try conversation(openAIMessages(list), row, system: system)
    }

    /// Messages of a row, in order.
    ///
    /// - Parameter keepsLast: whether answers of tools at the end count: where an answer is to follow.
    func openAIMessages(
        _ list: ArraySlice<JSONValue>, keepsLast: Bool = false
    ) throws(RowProblem) -> [ConversationMessage] {
        var messages: [ConversationMessage] = []
        var answers: [ToolAnswer] = []
        for message in list {
            let role = try meaning(of: role(of: message))
            if role == .observation {
                answers.append(
                    ToolAnswer(
                        try content(of: message), callID: try word("tool_call_id", of: message),
                        name: try word("name", of: message)))
                continue
            }
            if !answers.isEmpty {
                messages.append(ConversationMessage(answers: answers))
                answers = []
            }
            if role != .user, let calls = try calls(of: message) {
                let key = entry.tags["content_tag"] ?? "content"
                let text = message[key] == nil ? "" : try content(of: message)
                messages.append(
                    ConversationMessage(
                        .function, calls.text, text: text, callIDs: calls.ids))
            } else {
                messages.append(ConversationMessage(role, try content(of: message)))
            }
            if role != .user {
                try checkWeight(of: message)
                messages[messages.count - 1].thoughts = try thoughts(of: message)
            }
        }
        if keepsLast, !answers.isEmpty { messages.append(ConversationMessage(answers: answers)) }
        return messages
    }

    /// Refuses an answer that is to be learned less than others, or not at all: OpenAI's `weight`, LLaMA-Factory's
    /// `loss_weight`.
    func checkWeight(of answer: JSONValue) throws(RowProblem) {
        for key in ["weight", "loss_weight"] {
            guard let weight = answer[key], weight.double != 1 else { continue }
            throw RowProblem(
                found: "\(key): \(weight.kind)",
                expected: "1 or none; answers are all learned, or with mask_history the last one")
        }
    }

    /// A word beside a message's content; `nil` where it has none.
    private func word(_ key: String, of message: JSONValue) throws(RowProblem) -> String? {
        guard let value = message[key] else { return nil }
        guard let word = value.string else {
            throw RowProblem(found: "\(key): \(value.kind)", expected: "text")
        }
        return word
    }

    /// The calls of a message as a JSON list, and their ids; `nil` where it makes none.
    private func calls(
        of message: JSONValue
    ) throws(RowProblem) -> (text: String, ids: [String?])? {
        if let calls = message["tool_calls"], !calls.isFalse {
            let functions = calls.array?.compactMap { $0["function"] } ?? []
            guard !functions.isEmpty, functions.count == calls.array?.count else {
                throw RowProblem(
                    found: "tool_calls: \(calls.kind)",
                    expected: "a list of objects with \"function\"")
            }
            var ids: [String?] = []
            for call in calls.array ?? [] { ids.append(try word("id", of: call)) }
            return (JSONValue.array(functions).text(), ids)
        }
        if let call = message["function_call"], !call.isFalse {
            guard call.members != nil else {
                throw RowProblem(
                    found: "function_call: \(call.kind)",
                    expected: "an object with \"name\" and \"arguments\"")
            }
            return (JSONValue.array([call]).text(), [])
        }
        return nil
    }

    /// Thoughts beside an answer, without line breaks at their ends.
    private func thoughts(of message: JSONValue) throws(RowProblem) -> String {
        guard let value = message["reasoning_content"] else { return "" }
        guard let text = value.string else {
            throw RowProblem(found: "reasoning_content: \(value.kind)", expected: "text")
        }
        return text.trimmingCharacters(in: .newlines)
    }
}
