/// Why a conversation cannot be written for a model.
package enum TemplateError: Error, Equatable, CustomStringConvertible {
    /// No template of that name.
    case unknownTemplate(name: String, nearest: String?, known: [String])
    /// A template of LLaMA-Factory's whose rows hold more than text.
    case mediaTemplate(name: String, needs: String)
    /// No `template` is set and the model's own chat template is absent or not known.
    case noTemplate(reason: String)
    /// The tokenizer lacks a token that the template is made of.
    case templateToken(template: String, token: String)
    /// A setting that cannot work.
    case setting(name: String, found: String, expected: String)
    /// A file of the tokenizer that cannot be read.
    case file(path: String, problem: String)
    /// A conversation that did not come from a file and cannot be written.
    case conversation(found: String, expected: String)

    package var description: String {
        switch self {
        case .unknownTemplate(let name, let nearest, let known):
            "template: found \(name), expected one of \(known.joined(separator: ", "))"
                + (nearest.map { "; did you mean \($0)?" } ?? "")
        case .mediaTemplate(let name, let needs):
            "template \(name) needs \(needs), and only text is learned here; choose a template for "
                + "text, or leave template out to use the model's own"
        case .noTemplate(let reason):
            "template is not set and \(reason); set template: NAME (chatml, llama3, qwen, …)"
        case .templateToken(let template, let token):
            "template \(template) is made of \(token), which the tokenizer does not have; choose "
                + "the template that belongs to the model"
                + ((try? ChatTemplate.named(template))?.stopWords.contains(token) == true
                    ? ", or set resize_vocab: true, which adds it" : "")
        case .setting(let name, let found, let expected):
            "\(name): found \(found), expected \(expected)"
        case .file(let path, let problem):
            "\(path): \(problem)"
        case .conversation(let found, let expected):
            "conversation: found \(found), expected \(expected)"
        }
    }
}
