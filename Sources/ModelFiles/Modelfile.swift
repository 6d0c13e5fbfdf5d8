package import Templates
import Tokenizers

/// Ollama's description of a model: its weights, its template and where it stops.
///
/// Source: the instructions FROM, TEMPLATE, SYSTEM and PARAMETER of Ollama's Modelfile
/// (parser/parser.go); the template follows LLaMA-Factory's. Texts come from the model's files, so
/// none may end its quotation: what follows would be taken for instructions.
package enum Modelfile {
    static let fileName = "Modelfile"

    /// - Parameter weights: what `FROM` names, seen from the Modelfile's folder.
    /// - Returns: `nil` for a model's own template, which has no parts; Ollama knows many such.
    /// - Throws: ``ModelFileError/user(_:)`` for a text that cannot be quoted.
    package static func text(
        _ encoder: any ConversationEncoding, weights: String
    ) throws(ModelFileError) -> String? {
        guard let template = encoder.format as? ChatTemplate else { return nil }
        let (tokenizer, stops) = (encoder.tokenizer, encoder.stopTokens)
        var lines = [
            "FROM \(weights)", "",
            "TEMPLATE " + TemplateText(template, tokenizer).quoted, "",
        ]
        if !template.defaultSystem.isEmpty {
            lines += ["SYSTEM " + (try quoted(template.defaultSystem, "default_system")), ""]
        }
        for token in stops.sorted() {
            lines.append(
                "PARAMETER stop " + (try quoted(tokenizer.decode([token]), "stop token \(token)")))
        }
        return (lines + ["PARAMETER num_ctx 4096", ""]).joined(separator: "\n")
    }

    /// A text in quotation marks. The parser knows no escapes: it takes a value as complete at a line
    /// end before which the mark that began it stands.
    ///
    /// - Parameter name: what the text is, for a message.
    package static func quoted(_ text: String, _ name: String) throws(ModelFileError) -> String {
        let isLine = !text.unicodeScalars.contains { $0 == "\n" || $0 == "\r" }
        let line = "\"\(text)\""
        if isLine, !line.utf8.starts(with: marks.utf8) { return line }
        guard !holdsMarks(text) else {
            throw .user(
                "\(fileName): \(name) is \(text.debugDescription), which cannot be written there: "
                    + "it has a line end or begins with quotation marks, and holds three of them")
        }
        return marks + text + marks
    }

    /// What begins and ends a text of several lines.
    fileprivate static let marks = "\"\"\""

    /// Whether a text holds the marks, whatever accents stand on them.
    fileprivate static func holdsMarks(_ text: String) -> Bool {
        text.utf8.contains(marks.utf8)
    }
}

/// A chat template in Go's language, for Ollama.
private struct TemplateText {
    private let template: ChatTemplate
    private let tokenizer: any Tokenizer

    init(_ template: ChatTemplate, _ tokenizer: any Tokenizer) {
        self.template = template
        self.tokenizer = tokenizer
    }

    /// In three quotation marks; marks of the texts themselves are written by actions where three
    /// would come together.
    var quoted: String {
        let plain = text(escapingMarks: false)
        let safe = Modelfile.holdsMarks(plain) ? text(escapingMarks: true) : plain
        return Modelfile.marks + safe + Modelfile.marks
    }

    private func text(escapingMarks: Bool) -> String {
        let content = ".Content"
        func part(_ slots: [ChatTemplate.Slot], _ placeholder: String) -> String {
            slots.map { slot in
                switch slot {
                case .text(let text):
                    text.split(
                        separator: "{{content}}", omittingEmptySubsequences: false
                    ).map { literal(String($0), escapingMarks) }
                        .joined(separator: "{{ \(placeholder) }}")
                case .beginOfText: token(tokenizer.beginOfText, escapingMarks)
                case .endOfText: token(tokenizer.endOfText, escapingMarks)
                case .token(let name): literal(name, escapingMarks)
                }
            }.joined()
        }
        return part(template.prefix, content)
            + "{{ if .System }}\(part(template.system, ".System")){{ end }}{{ range .Messages }}"
            + "{{ if eq .Role \"user\" }}\(part(template.user, content))"
            + "{{ else if eq .Role \"assistant\" }}"
            + "\(part(template.assistant, content)){{ end }}{{ end }}"
    }

    private func token(_ id: Int32?, _ escapingMarks: Bool) -> String {
        id.map { literal(tokenizer.decode([$0]), escapingMarks) } ?? ""
    }

    /// Text that means itself: a brace could begin an action.
    private func literal(_ text: String, _ escapingMarks: Bool) -> String {
        var literal = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "{": literal += "{{ \"{\" }}"
            case "\"" where escapingMarks: literal += "{{ \"\\\"\" }}"
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal
    }
}
