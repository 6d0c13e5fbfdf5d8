package import Files
import Foundation
import Templates
import Tokenizers

/// What a model's own chat template and one of the table make of the same conversation.
package struct TemplateCheck {
    private let tokenizer: any Tokenizer
    private let own: RenderedTemplate
    /// The template of the table that is compared with; `nil` where none was named and none is
    /// equal.
    private let template: ChatTemplate?
    private let isNamed: Bool
    private let path: String

    /// - Parameters:
    ///   - path: a folder, a .gguf file or a checkpoint; its weights are not read.
    ///   - name: a template of the table; without it the one that writes the same, if any does.
    /// - Throws: ``ModelFileError`` where a tokenizer or a chat template is missing or unusable.
    package init(path: String, template name: String?) throws(ModelFileError) {
        self.path = path
        let files = try ModelSource.tokenizerFiles(of: path)
        guard let text = files["tokenizer.json"] else {
            throw .user("'\(path)' holds no tokenizer.json")
        }
        do {
            tokenizer = try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
        do throws(TemplateError) {
            guard let own = try RenderedTemplate(files: files) else {
                throw .noTemplate(reason: "'\(path)' has no chat template of its own")
            }
            self.own = own
            isNamed = name != nil
            if let name {
                template = try ChatTemplate.named(name)
            } else {
                template = ChatTemplate.recognised(as: own, tokenizer)
            }
        } catch {
            throw .template(error)
        }
    }

    /// What the comparison came to.
    package struct Outcome: Sendable {
        package let lines: [String]
        /// False where the texts or ids differ.
        package let isSame: Bool
    }

    private static let question = Conversation(
        prompt: [
            ConversationMessage(.user, "What is the capital of Norway?"),
            ConversationMessage(.assistant, "Oslo."),
            ConversationMessage(.user, "And of Peru?"),
        ], response: ConversationMessage(.assistant, "Lima."))

    /// Compares a conversation with and without a system prompt.
    package func run() throws(ModelFileError) -> Outcome {
        guard let template else {
            return Outcome(
                lines: [
                    "template        the model's own, rendered: no template of the table writes "
                        + "the same",
                    "text            \(Self.quoted(try ownText(Self.question)))",
                ], isSame: true)
        }
        var lines = [
            "template        \(template.name)"
                + (isNamed ? "" : ", which writes the same as the model's own")
        ]
        var isSame = true
        for system in ["", "Answer in one word."] {
            var conversation = Self.question
            conversation.system = system
            let title = system.isEmpty ? "without system" : "with system"
            let (text, ids) = try tableIDs(template, conversation)
            let own: String
            do throws(ModelFileError) {
                own = try ownText(conversation)
            } catch {
                lines.append("\(title): the model's own refuses it: \(error.description)")
                isSame = false
                continue
            }
            let ownIDs = tokenizer.encode(own, addSpecialTokens: false)
            guard ids != ownIDs else {
                lines.append("\(title): equal, \(ids.count) ids")
                continue
            }
            isSame = false
            lines += Self.difference(title, template.name, (text, ids), (own, ownIDs))
        }
        return Outcome(lines: lines, isSame: isSame)
    }

    /// Where two renderings first differ.
    private static func difference(
        _ title: String, _ name: String, _ table: (text: String, ids: [Int32]),
        _ own: (text: String, ids: [Int32])
    ) -> [String] {
        let (a, b) = (Array(table.text.unicodeScalars), Array(own.text.unicodeScalars))
        let same = zip(a, b).prefix { $0 == $1 }.count
        let sameIDs = zip(table.ids, own.ids).prefix { $0 == $1 }.count
        func rest(_ scalars: [Unicode.Scalar]) -> String {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars.dropFirst(same).prefix(80))
            return quoted(String(text))
        }
        func rest(_ ids: [Int32]) -> String {
            ids.dropFirst(sameIDs).prefix(8).map { "\($0)" }.joined(separator: " ")
        }
        var lines = ["\(title): different"]
        if table.text != own.text {
            lines.append("  text differs from character \(same) on")
            lines.append("    \(name): \(rest(a))")
            lines.append("    the model's own: \(rest(b))")
        }
        lines.append("  ids differ from place \(sameIDs) on")
        lines.append("    \(name): \(rest(table.ids))")
        lines.append("    the model's own: \(rest(own.ids))")
        return lines
    }

    private static func quoted(_ text: String) -> String {
        JSONValue.string(text).text()
    }

    private func ownText(_ conversation: Conversation) throws(ModelFileError) -> String {
        var messages: [JSONValue] = []
        func add(_ role: String, _ content: String) {
            messages.append(.object([("role", .string(role)), ("content", .string(content))]))
        }
        if !conversation.system.isEmpty { add("system", conversation.system) }
        for message in conversation.prompt + [conversation.response].compactMap({ $0 }) {
            add(message.role.rawValue, message.content)
        }
        do {
            return try own.render(.init(messages: messages)).text
        } catch {
            throw .user("found \(error.found), expected \(error.expected)")
        }
    }

    private func tableIDs(
        _ template: ChatTemplate, _ conversation: Conversation
    ) throws(ModelFileError) -> (text: String, ids: [Int32]) {
        let encoder = try ModelTemplate.encoder(template, tokenizer)
        do {
            let ids = try encoder.example(conversation).example.ids
            return (tokenizer.decode(ids), ids)
        } catch {
            throw .user("found \(error.found), expected \(error.expected)")
        }
    }

    // MARK: Conversations of a file

    /// The text and the ids that the model's own template makes of a line of JSON: a list of
    /// messages, or an object with `messages`, and `tools`, `add_generation_prompt` and whatever
    /// else the template is to be given.
    ///
    /// - Returns: an object with `text` and `ids`, or with `error`.
    package func rendered(_ line: String) -> JSONValue {
        func failure(_ found: String, _ expected: String) -> JSONValue {
            .object([("error", .string("found \(found), expected \(expected)"))])
        }
        let request: RenderedTemplate.Request
        do {
            request = try Self.request(line)
        } catch {
            return failure(error.found, error.expected)
        }
        do {
            let text = try own.render(request).text
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            return .object([
                ("text", .string(text)), ("ids", .array(ids.map { .int(Int($0)) })),
            ])
        } catch {
            return failure(error.found, error.expected)
        }
    }

    private static func request(_ line: String) throws(JSONProblem) -> RenderedTemplate.Request {
        let value = try JSONValueReader.read(line)
        guard let messages = value.array ?? value["messages"]?.array else {
            throw JSONProblem(
                found: value.kind, expected: "a list of messages, or an object with \"messages\"")
        }
        var request = RenderedTemplate.Request(
            messages: messages.map(withoutNull), tools: value["tools"],
            asksForAnswer: value["add_generation_prompt"]?.bool ?? false)
        if let date = value["date"]?.string { request.date = date }
        let own = ["messages", "tools", "add_generation_prompt", "date"]
        request.variables = (value.members ?? []).filter { !own.contains($0.key) }
        return request
    }

    /// A message as transformers hands it on: without keys that are null, and with thoughts under
    /// the names that templates ask for.
    private static func withoutNull(_ message: JSONValue) -> JSONValue {
        var members = (message.members ?? []).filter { $0.value != .null }
        let names = ["reasoning_content", "thinking", "reasoning"]
        if let thoughts = names.lazy.compactMap({ message[$0] }).first {
            if message["thinking"] == nil { members.insert(("thinking", thoughts), at: 0) }
            if let place = members.firstIndex(where: { $0.key == "reasoning_content" }) {
                members[place].value = thoughts
            } else {
                members.append(("reasoning_content", thoughts))
            }
        }
        return .object(members)
    }
}
