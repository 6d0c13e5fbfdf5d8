import Configuration
import ConfigurationSupport
import Foundation
import ModelFiles
import TestSupport
import Testing
import Tokenizers

/// Tokens that a configuration adds to a tokenizer, beside transformers' own
/// (scripts/references/added_tokens.py).
@Suite struct AddedTokensTests {
    private struct Reference: Decodable {
        let texts: [String]
        let cases: [String: Case]
        /// Tokens, rows before, rows afterwards.
        let rows: [[Int]]
    }

    private struct Case: Decodable {
        let base: String
        let configuration: [String: String]
        let addTokens, addSpecialTokens: [String]
        let template: String?
        let before, size: Int
        let new: [String: Int32]
        let ids: [[Int32]]
        let skipped: [String]
    }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static func reference() throws -> Reference {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = References.folder.appendingPathComponent("added_tokens/tokens.json")
        return try decoder.decode(Reference.self, from: Data(contentsOf: file))
    }

    /// Writes a tokenizer's folder and gives its path.
    private func tokenizer(
        _ base: String, _ configuration: [String: String], as name: String = "tokenizer"
    ) throws -> String {
        let file = References.folder.appendingPathComponent("tokenizer_folders/folders.json")
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
        let bases = try #require((object as? [String: Any])?["bases"] as? [String: Any])
        _ = try folder.makeFolder(name)
        let json = try JSONSerialization.data(withJSONObject: try #require(bases[base]))
        try folder.write("\(name)/tokenizer.json", String(decoding: json, as: UTF8.self))
        let settings = try JSONEncoder().encode(configuration)
        try folder.write("\(name)/tokenizer_config.json", String(decoding: settings, as: UTF8.self))
        return folder.path(name)
    }

    private func run(
        _ path: String, _ contents: KeyValuePairs<String, ConfigurationValue.Content>
    ) throws -> RunTokenizer {
        var all = values(contents)
        all["model_name_or_path"] = ConfigurationValue(.string(path))
        return try RunTokenizer(RunConfiguration(values: all, command: .chat))
    }

    @Test func tokensHaveTransformersIdsAndTexts() throws {
        let reference = try Self.reference()
        #expect(reference.cases.count == 9)
        for (name, expected) in reference.cases {
            let path = try tokenizer(expected.base, expected.configuration, as: name)
            var keys: [String: ConfigurationValue] = values(["resize_vocab": .bool(true)])
            func set(_ key: String, _ tokens: [String]) {
                guard !tokens.isEmpty else { return }
                keys[key] = ConfigurationValue(.string(tokens.joined(separator: ", ")))
            }
            set("add_tokens", expected.addTokens)
            set("add_special_tokens", expected.addSpecialTokens)
            set("template", expected.template.map { [$0] } ?? [])
            keys["model_name_or_path"] = ConfigurationValue(.string(path))
            let text = try RunTokenizer(RunConfiguration(values: keys, command: .chat))
            let tokenizer = try text.tokenizer()
            #expect(tokenizer.vocabularySize == expected.size, "\(name)")
            #expect(Set(text.added) == Set(expected.new.keys), "\(name)")
            for (token, id) in expected.new {
                #expect(tokenizer.id(of: token) == id, "\(name): \(token)")
            }
            for (index, text) in reference.texts.enumerated() {
                let ids = tokenizer.encode(text, addSpecialTokens: false)
                #expect(ids == expected.ids[index], "\(name): \(text)")
                let decoded = tokenizer.decode(ids, skipSpecialTokens: true)
                #expect(decoded == expected.skipped[index], "\(name): \(text)")
            }
        }
    }

    @Test func aModelGetsTransformersNumberOfRows() throws {
        let rows = try Self.reference().rows
        #expect(rows.count == 6)
        for row in rows {
            #expect(VocabularyGrowth.rows(forTokens: row[0], own: row[1]) == row[2], "\(row)")
        }
    }

    @Test func tokensThatAreThereChangeNothing() throws {
        let path = try tokenizer("bytes", ["eos_token": "<|endoftext|>"])
        let plain = try run(path, [:])
        let same = try run(path, ["add_special_tokens": .string("<|endoftext|>")])
        #expect(same.added.isEmpty && same.files == plain.files)
        // A template's stop words are added only where the vocabulary may grow.
        #expect(try run(path, ["template": .string("llama3")]).added.isEmpty)
        #expect(
            try run(path, ["template": .string("llama3"), "resize_vocab": .bool(true)]).added
                == ["<|eot_id|>", "<|eom_id|>"])
    }

    @Test func aListOfTokensIsTakenAsACommaSeparatedText() throws {
        let path = try tokenizer("bytes", [:])
        let list: ConfigurationValue.Content = .list([
            ConfigurationValue(.string("<a>")), ConfigurationValue(.string("<b>")),
        ])
        #expect(try run(path, ["add_tokens": list]).added == ["<a>", "<b>"])
        #expect(try run(path, ["add_tokens": .string(" <a> , <b>,<a>")]).added == ["<a>", "<b>"])
    }

    @Test func theFilesOfAGrownTokenizerMakeItAgain() throws {
        let path = try tokenizer("llama", ["eos_token": "</s>"])
        let grown = try run(path, ["add_special_tokens": .string("<think>")])
        _ = try folder.makeFolder("grown")
        for (name, text) in grown.files { try folder.write("grown/\(name)", text) }
        let again = try TokenizerFolder.load(folder.path("grown"))
        #expect(try again.hash == grown.tokenizer().hash)
        #expect(again.id(of: "<think>") == 343)
        #expect(
            try run(folder.path("grown"), ["add_special_tokens": .string("<think>")]).added == [])
    }

    /// Tokens with descriptions, one a line as in their file.
    private func described(
        _ lines: [(String, ConfigurationValue.Content)]
    ) -> ConfigurationValue.Content {
        let values = lines.enumerated().map { line, token in
            (token.0, ConfigurationValue(token.1, place: .line(line + 1, file: "tokens.yaml")))
        }
        return .map(Dictionary(uniqueKeysWithValues: values))
    }

    @Test func tokensWithDescriptionsAreAddedInTheOrderOfTheirFile() throws {
        let path = try tokenizer("bytes", [:])
        let tokens = described([
            ("<z>", .string("the last")), ("<a>", .string("the first")), ("<m>", .int(7)),
        ])
        let text = try run(path, ["new_special_tokens_config": tokens])
        #expect(text.added == ["<z>", "<a>", "<m>"])
        // They win over those that are named.
        let both = try run(
            path, ["new_special_tokens_config": tokens, "add_special_tokens": .string("<b>")])
        #expect(both.added == ["<z>", "<a>", "<m>"])
        let settings = try configuration(path, tokens, ["add_special_tokens": .string("<b>")])
        #expect(settings.notices.contains { $0.hasPrefix("add_special_tokens: not used") })
        #expect(settings.notices.contains { $0.contains("the descriptions are not used") })
    }

    private func configuration(
        _ path: String, _ tokens: ConfigurationValue.Content?,
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>
    ) throws -> RunConfiguration {
        var all = values(contents)
        all["model_name_or_path"] = ConfigurationValue(.string(path))
        all["new_special_tokens_config"] = tokens.map {
            ConfigurationValue($0, place: .line(3, file: "run.yaml"))
        }
        return try RunConfiguration(values: all, command: .chat)
    }

    @Test func theOrderOfTokensIsKeptInTheTextThatReadsBack() throws {
        let path = try tokenizer("bytes", [:])
        let tokens = described([("<z>", .string("the last")), ("<a>", .string("the first"))])
        let text = try configuration(path, tokens, [:]).resolvedText
        #expect(text.contains("add_special_tokens: [\"<z>\", \"<a>\"]"), "\(text)")
        // Read back, both are on one line, and the list has the order.
        let line: ConfigurationValue.Content = .map([
            "<a>": .init(.string("the first")), "<z>": .init(.string("the last")),
        ])
        let again = try run(
            path,
            ["new_special_tokens_config": line, "add_special_tokens": .string("<z>,<a>")])
        #expect(again.added == ["<z>", "<a>"])
    }

    @Test func whatDescribesNothingIsNamed() throws {
        let path = try tokenizer("bytes", [:])
        for (tokens, words) in [
            (described([("<a>", .list([]))]), "expected a text that describes <a>"),
            (described([("<a>", .null)]), "expected a text that describes <a>"),
            (
                .map(["<a>": .init(.string("x")), "<b>": .init(.string("y"))]),
                "found several tokens on a line"
            ),
        ] {
            #expect {
                _ = try configuration(path, tokens, [:])
            } throws: {
                "\($0)".contains("new_special_tokens_config: ") && "\($0)".contains(words)
            }
        }
        let notices = try configuration(
            path, nil, ["init_special_tokens": .string("desc_init")]
        ).notices
        #expect(
            notices.contains { $0.hasPrefix("init_special_tokens: desc_init is for tokens of ") })
    }
}
