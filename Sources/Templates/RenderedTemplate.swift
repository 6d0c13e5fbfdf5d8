package import Files
package import Jinja
package import Tokenizers

/// A model's own chat template, written in Jinja and rendered as transformers'
/// `apply_chat_template` renders it.
package struct RenderedTemplate: Sendable {
    /// The templates that the model has, by transformers' names: `default`, `tool_use`, ….
    private let templates: [(name: String, template: JinjaTemplate)]
    /// `bos_token` and the like, which templates may write.
    private let tokens: [JSONValue.Member]
    /// The system prompt of conversations that have none; empty to leave it to the template.
    package var defaultSystem = ""

    /// What a rendering is asked for.
    package struct Request: Sendable {
        /// Messages as objects with `role` and `content`.
        package var messages: [JSONValue]
        /// `nil` for none.
        package var tools: JSONValue?
        /// Whether an answer is asked for (`add_generation_prompt`).
        package var asksForAnswer = false
        /// Further values that the template may look at.
        package var variables: [JSONValue.Member] = []
        /// What the template is told today is, as `23 Nov 2026`.
        package var date = EncodingSettings.today()

        package init(messages: [JSONValue], tools: JSONValue? = nil, asksForAnswer: Bool = false) {
            self.messages = messages
            self.tools = tools
            self.asksForAnswer = asksForAnswer
        }
    }

    /// The template that belongs to a model, from the texts of its tokenizer's files:
    /// chat_template.jinja, or `chat_template` of tokenizer_config.json, which is a text or a list
    /// of texts with names.
    ///
    /// - Returns: `nil` where the model has none.
    /// - Throws: ``TemplateError/noTemplate(reason:)`` for one that cannot be used.
    package init?(files: [String: String]) throws(TemplateError) {
        let sources = try Self.sources(of: files)
        if sources.isEmpty { return nil }
        var templates: [(name: String, template: JinjaTemplate)] = []
        for (name, source) in sources {
            do {
                templates.append((name, try JinjaTemplate(source)))
            } catch {
                throw .noTemplate(
                    reason: "the model's own chat template cannot be used: \(error)")
            }
        }
        guard templates.contains(where: { $0.name == "default" }) else {
            let names = templates.map(\.name).joined(separator: ", ")
            throw .noTemplate(reason: "of the model's chat templates (\(names)) none is default")
        }
        self.templates = templates
        tokens = try Self.tokens(Self.configuration(files))
    }

    /// Where transformers puts the template that is usually taken.
    package static let file = "chat_template.jinja"
    /// Where transformers puts templates besides the one that is usually taken, by their names.
    package static let folder = "additional_chat_templates"

    /// The tokens that a tokenizer's configuration names, those of a model's own kind among them.
    private static func tokens(_ configuration: JSONValue) -> [JSONValue.Member] {
        let own = configuration["extra_special_tokens"]?.members ?? []
        var tokens: [JSONValue.Member] = []
        for (name, value) in (configuration.members ?? []).filter({ $0.key.hasSuffix("_token") })
            + own
        {
            guard let text = value.string ?? value["content"]?.string else { continue }
            tokens.removeAll { $0.key == name }
            tokens.append((key: name, value: .string(text)))
        }
        return tokens
    }

    private static func configuration(
        _ files: [String: String]
    ) throws(TemplateError) -> JSONValue {
        let name = "tokenizer_config.json"
        guard let text = files[name] else { return .object([]) }
        do {
            return try JSONValueReader.read(text)
        } catch {
            throw .file(
                path: name, problem: "found \(error.found), expected \(error.expected)")
        }
    }

    /// The Jinja of a model, by names, from the texts of its tokenizer's files; empty where it has none.
    ///
    /// - Throws: ``TemplateError/file(path:problem:)`` for a tokenizer_config.json that is damaged.
    package static func sources(
        of files: [String: String]
    ) throws(TemplateError) -> [(name: String, source: String)] {
        if let text = files[file] {
            let (start, ending) = (folder + "/", ".jinja")
            let further = files.filter { $0.key.hasPrefix(start) && $0.key.hasSuffix(ending) }
                .map { (String($0.key.dropFirst(start.count).dropLast(ending.count)), $0.value) }
                .sorted { $0.0 < $1.0 }
            return [("default", text)] + further
        }
        guard let value = try configuration(files)["chat_template"] else { return [] }
        if let text = value.string { return text.isEmpty ? [] : [("default", text)] }
        var sources: [(name: String, source: String)] = []
        for entry in value.array ?? [.null] {
            guard let name = entry["name"]?.string, let source = entry["template"]?.string else {
                throw .file(
                    path: "tokenizer_config.json",
                    problem: "chat_template: found \(value.kind), expected text or a list of "
                        + "objects with name and template")
            }
            sources.append((name, source))
        }
        return sources
    }

    /// The text of the template used where there are no tools.
    package var source: String {
        templates.first { $0.name == "default" }?.template.source ?? ""
    }

    /// Writes a conversation as text.
    ///
    /// - Throws: ``RowProblem`` where the template refuses it, or asks for what is not supported.
    package func render(_ request: Request) throws(RowProblem) -> JinjaTemplate.Rendering {
        let name =
            request.tools != nil && templates.contains { $0.name == "tool_use" }
            ? "tool_use" : "default"
        guard let template = templates.first(where: { $0.name == name })?.template else {
            throw RowProblem(found: "no template", expected: "one")
        }
        var variables = tokens
        variables += request.variables
        variables += [
            (key: "messages", value: .array(request.messages)),
            (key: "tools", value: request.tools ?? .null), (key: "documents", value: .null),
            (key: "add_generation_prompt", value: .bool(request.asksForAnswer)),
        ]
        do {
            return try template.render(variables, clock: Self.clock(request.date))
        } catch {
            throw RowProblem(
                found:
                    "a conversation that the model's own chat template does not write (\(error))",
                expected: "another conversation, or template: NAME")
        }
    }

    /// The date of a text such as `23 Nov 2026`. The time of day is not told: examples must not
    /// depend on it.
    private static func clock(_ date: String) -> JinjaClock? {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let parts = date.split(separator: " ")
        guard parts.count == 3, let day = Int(parts[0]), let year = Int(parts[2]),
            let month = months.firstIndex(of: String(parts[1]))
        else { return nil }
        return JinjaClock(year: year, month: month + 1, day: day)
    }
}

extension RenderedTemplate: ConversationFormat {
    package var name: String { "the model's own" }

    package var fingerprint: String {
        let sources = templates.map { "\($0.name): \($0.template.source)" }
        return "rendered|\(sources)|\(JSONValue.object(tokens).text())|\(defaultSystem)"
    }

    package var toolFormatName: String { "" }

    package func callNotices(_ conversation: Conversation) -> Set<CallNotice> { [] }

    package func encoder(
        _ tokenizer: any Tokenizer, _ settings: EncodingSettings
    ) throws(TemplateError) -> any ConversationEncoding {
        try RenderedEncoder(self, tokenizer, settings)
    }
}
