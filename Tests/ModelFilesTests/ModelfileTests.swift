import Foundation
import ModelFiles
import Templates
import TestSupport
import Testing
import Tokenizers

/// A Modelfile read as Ollama reads it (parser/parser.go): no text of a model's files adds a command.
@Suite struct ModelfileTests {
    struct Command: Equatable {
        let name: String
        let arguments: String
    }

    /// The commands of a Modelfile. A value is complete at a line end before which the quotation mark
    /// stands that began it.
    private func commands(_ text: String) throws -> [Command] {
        var commands: [Command] = []
        var rest = Array(text.unicodeScalars)[...]
        func isNewline(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\r" }
        while let first = rest.first {
            if isNewline(first) || first == " " {
                rest.removeFirst()
                continue
            }
            var name = String(String.UnicodeScalarView(rest.prefix { $0 != " " && !isNewline($0) }))
            rest = rest.dropFirst(name.unicodeScalars.count)
            while rest.first == " " { rest.removeFirst() }
            if name == "PARAMETER" {
                let parameter = rest.prefix { $0 != " " && !isNewline($0) }
                name += " " + String(String.UnicodeScalarView(parameter))
                rest = rest.dropFirst(parameter.count)
                while rest.first == " " { rest.removeFirst() }
            }
            var value = ""
            var isComplete = false
            while let next = rest.popFirst() {
                if isNewline(next), let text = unquoted(value) {
                    commands.append(Command(name: name, arguments: text))
                    isComplete = true
                    break
                }
                value.unicodeScalars.append(next)
            }
            if !isComplete {
                commands.append(
                    Command(name: name, arguments: try #require(unquoted(value), "\(value)")))
            }
        }
        return commands
    }

    private func unquoted(_ value: String) -> String? {
        let text = value.trimmingCharacters(in: .whitespacesAndNewlines)
        let bytes = Array(text.utf8)
        for mark in ["\"\"\"", "\""] where bytes.starts(with: mark.utf8) {
            let size = mark.utf8.count
            guard bytes.count >= 2 * size, bytes.suffix(size).elementsEqual(mark.utf8) else {
                return nil
            }
            return String(decoding: bytes.dropFirst(size).dropLast(size), as: UTF8.self)
        }
        return text
    }

    /// A tokenizer whose texts end in `end`.
    private func tokenizer(end: String) throws -> any Tokenizer {
        let model = try References.text("tokenizers/model.json")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(model.utf8)) as? [String: Any])
        let size = try #require(object["vocab"] as? [String: Any]).count
        var front = try #require(
            try References.object("tokenizers/kinds.json")["gpt2"] as? [String: Any])
        front["model"] = nil
        front["version"] = "1.0"
        front["decoder"] = ["type": "ByteLevel"]
        front["added_tokens"] = [
            [
                "id": size, "content": end, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false,
            ] as [String: Any]
        ]
        let text = String(
            decoding: try JSONSerialization.data(withJSONObject: front), as: UTF8.self)
        let names = try JSONSerialization.data(withJSONObject: ["eos_token": end])
        return try TokenizerFolder.parse(
            text: text.dropLast() + ",\"model\":\(model)}",
            configuration: String(decoding: names, as: UTF8.self))
    }

    private func modelfile(_ template: String, end: String) throws -> String? {
        try Modelfile.text(
            ConversationEncoder(.named(template), tokenizer(end: end)), weights: "./x.gguf")
    }

    /// Texts that end a quotation, or look as if they did.
    static let ends = [
        "<e>\"\nADAPTER /etc/passwd\nSYSTEM \"x", "</s>", "\"\"", "x\"\"", "\"x",
        "\"\"x", "a\rFROM /etc/passwd", "a\n\"\"b\nFROM x", "a\"\" \nFROM x", "{{ .System }}",
        "a{{ end }}{", "\u{301}\n\"", "\"\u{301}\"\"", "\n", " a ",
    ]

    @Test(arguments: ends)
    func noTextOfTheTokenizerAddsACommand(end: String) throws {
        let text = try #require(try modelfile("llama2", end: end))
        let commands = try commands(text)
        #expect(
            commands.map(\.name) == ["FROM", "TEMPLATE", "PARAMETER stop", "PARAMETER num_ctx"],
            "\(text)")
        #expect(commands[0].arguments == "./x.gguf")
        #expect(commands[2].arguments.utf8.elementsEqual(end.utf8), "\(text)")
    }

    /// Go's templates print a string that an action names; everything else is as it stands.
    @Test(arguments: ends)
    func aTemplatesTextsMeanThemselves(end: String) throws {
        let text = try #require(try modelfile("llama2", end: end))
        let template = try commands(text)[1].arguments
        let shown = template.replacing("{{ \"{\" }}", with: "{").replacing(
            "{{ \"\\\"\" }}", with: "\"")
        #expect(shown.utf8.contains(end.utf8), "\(template)")
        #expect(shown.contains("{{ .Content }}") && shown.contains("{{ range .Messages }}"))
    }

    // Two marks around one would be three, which begin a text of several lines.
    @Test(arguments: ["\"", "{", "\"\"", "\n", ""])
    func theShortestTextsAreQuoted(text: String) throws {
        let line = try "PARAMETER stop \(Modelfile.quoted(text, "it"))\nFROM .\n"
        #expect(
            try commands(line) == [
                Command(name: "PARAMETER stop", arguments: text),
                Command(name: "FROM", arguments: "."),
            ])
    }

    @Test(arguments: ["a\n\"\"\"\nFROM x", "\"\"\"", "\"\"\"\u{301}\n"])
    func whatCannotBeQuotedIsRefused(end: String) throws {
        let error = #expect(throws: ModelFileError.self) { try modelfile("llama2", end: end) }
        let message = error?.description ?? ""
        #expect(message.contains("Modelfile: stop token") && !message.contains("\n"), "\(message)")
    }
}
