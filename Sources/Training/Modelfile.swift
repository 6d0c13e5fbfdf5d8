import TextData

/// Ollama's description of a model: its weights, its template and where it stops.
///
/// Source: the instructions FROM, TEMPLATE, SYSTEM and PARAMETER of Ollama's Modelfile; the template
/// follows LLaMA-Factory's.
enum Modelfile {
    static let fileName = "Modelfile"

    /// - Parameter weights: what `FROM` names, seen from the Modelfile's folder.
    /// - Returns: `nil` for a model's own template, which has no parts; Ollama knows many such.
    static func text(
        _ encoder: any ConversationEncoding, weights: String
    ) -> String? {
        guard let template = encoder.format as? ChatTemplate else { return nil }
        let (tokenizer, stops) = (encoder.tokenizer, encoder.stopTokens)
        let content = ".Content"
        let prefix = part(template.prefix, content, tokenizer)
        let system = part(template.system, ".System", tokenizer)
        let user = part(template.user, content, tokenizer)
        let assistant = part(template.assistant, content, tokenizer)
        var lines = [
            "FROM \(weights)", "",
            "TEMPLATE \"\"\"\(prefix){{ if .System }}\(system){{ end }}{{ range .Messages }}"
                + "{{ if eq .Role \"user\" }}\(user){{ else if eq .Role \"assistant\" }}"
                + "\(assistant){{ end }}{{ end }}\"\"\"", "",
        ]
        if !template.defaultSystem.isEmpty {
            lines += ["SYSTEM \"\"\"\(template.defaultSystem)\"\"\"", ""]
        }
        for token in stops.sorted() {
            lines.append("PARAMETER stop \"\(tokenizer.decode([token]))\"")
        }
        return (lines + ["PARAMETER num_ctx 4096", ""]).joined(separator: "\n")
    }

    private static func part(
        _ slots: [ChatTemplate.Slot], _ placeholder: String, _ tokenizer: any Tokenizer
    ) -> String {
        slots.map { slot in
            switch slot {
            case .text(let text):
                text.replacing("{{content}}", with: "{{ \(placeholder) }}")
            case .beginOfText: tokenizer.beginOfText.map { tokenizer.decode([$0]) } ?? ""
            case .endOfText: tokenizer.endOfText.map { tokenizer.decode([$0]) } ?? ""
            case .token(let name): name
            }
        }.joined()
    }
}
