import Files
import Foundation
import TestSupport
import Testing
import TokenizerSupport
import Tokenizers

/// Folders of BERT, MPNet, RoBERTa, XLM-R, T5 and ALBERT, as transformers' AutoTokenizer has them.
@Suite struct EncoderFoldersTests {
    private static let reference =
        try! JSONValue.read(
            TokenizerFixtures(folder: "encoder_folders").text("folders.json"), file: "folders.json")
    static let names = (reference["cases"]?.members ?? []).map(\.key)

    private func write(_ name: String, to folder: TestFolder) throws -> JSONValue {
        let entry = try #require(Self.reference["cases"]?[name])
        if let base = entry["base"]?.string {
            var file = try #require(Self.reference["bases"]?[base])
            for (key, value) in entry["changes"]?.members ?? [] {
                file = file.setting(key, to: value)
            }
            folder.write("tokenizer.json", file.text())
        }
        for (key, value) in entry["files"]?.members ?? [] {
            folder.write(key, value.string ?? value.text())
        }
        return entry
    }

    private func ids(_ value: JSONValue?) -> [Int32] {
        (value?.array ?? []).compactMap { $0.integer.map { Int32($0) } }
    }

    private func check(_ tokenizer: any Tokenizer, _ entry: JSONValue, _ name: String) throws {
        let texts = (Self.reference["texts"]?.array ?? []).compactMap(\.string)
        for (index, text) in texts.enumerated() {
            let expected = ids(entry["ids"]?.array?[index])
            let found = tokenizer.encode(text, addSpecialTokens: false)
            #expect(found == expected, "\(name): \(text)")
            #expect(
                tokenizer.decode(expected) == entry["decoded"]?.array?[index].string, "\(name)")
            #expect(
                tokenizer.decode(expected, skipSpecialTokens: true)
                    == entry["skipped"]?.array?[index].string, "\(name)")
        }
        #expect(
            tokenizer.encode(texts[0], addSpecialTokens: true) == ids(entry["with_specials"]),
            "\(name)")
        let pair = try tokenizer.encode("the quick", pair: "hello dog", truncation: nil)
        #expect(pair.ids == ids(entry["pair"]?.array?[0]), "\(name)")
        #expect(pair.typeIDs == ids(entry["pair"]?.array?[1]), "\(name)")
        #expect(tokenizer.vocabularySize == entry["size"]?.integer, "\(name)")
        let added = tokenizer.addedTokens.sorted { $0.id < $1.id }.map {
            JSONValue.array([.int(Int($0.id)), .string($0.content)])
        }
        #expect(JSONValue.array(added) == entry["added"], "\(name)")
        let names = tokenizer.names
        let found = [
            "bos_token": names.beginOfText, "eos_token": names.endOfText,
            "pad_token": names.padding, "unk_token": names.unknown, "cls_token": names.classifier,
            "sep_token": names.separator, "mask_token": names.mask,
        ]
        for (key, value) in entry["names"]?.members ?? [] where value != .null {
            #expect(found[key] == value.string, "\(name): \(key)")
        }
    }

    @Test(arguments: names)
    func aFolderIsWhatAutoTokenizerMakesOfIt(name: String) throws {
        let folder = TestFolder()
        let entry = try write(name, to: folder)
        let loaded = try TokenizerFolder.load(folder.path)
        try check(loaded, entry, name)
        // What checkpoints and exports keep makes the same tokenizer by itself, and so does what is
        // written of it.
        let files = try TokenizerFolder.files(of: folder.path)
        let kept = try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
        #expect(kept.hash == loaded.hash)
        try check(kept, entry, name + ", kept")
        try TokenizerFolder.write(kept, to: folder("written"))
        try check(try TokenizerFolder.load(folder("written")), entry, name + ", written")
    }

    /// Ids by transformers' AlbertTokenizer of the same two files.
    @Test func albertTakesTwoMarksForAQuote() throws {
        let folder = TestFolder()
        let base = try #require(Self.reference["bases"]?["albert"])
        let model = try #require(base["model"])
        let quotes = ["\"", "▁\""].map { JSONValue.array([.string($0), .number("-3.0")]) }
        let vocabulary = (model["vocab"]?.array ?? []) + quotes
        let text = base.setting("model", to: model.setting("vocab", to: .array(vocabulary))).text()
        folder.write("tokenizer.json", text)
        folder.write("tokenizer_config.json", #"{"tokenizer_class": "AlbertTokenizer"}"#)
        let tokenizer = try TokenizerFolder.load(folder.path)
        let ids = tokenizer.encode("``The dog'' 's", addSpecialTokens: false)
        #expect(ids == [32, 27, 12, 10, 8, 31, 5, 18, 13])
    }

    // MARK: Refusals

    private func message(_ files: [String: String]) -> String {
        let folder = TestFolder()
        for (name, text) in files { folder.write(name, text) }
        do {
            _ = try TokenizerFolder.load(folder.path)
            return "nothing"
        } catch {
            let text = error.description
            #expect(!text.contains("\n"))
            return text.replacing(folder.path + "/", with: "")
        }
    }

    private static let bert = ["tokenizer_config.json": #"{"tokenizer_class": "BertTokenizer"}"#]

    @Test(arguments: [
        (
            "the\n[UNK]\nthe\n",
            "vocab.txt: line 3: found \"the\" once more, expected each token once"
        ),
        ("the\nfox\n", "vocab.txt: the file: found no [UNK] among 2 tokens, expected a token for"),
        ("", "vocab.txt: the file: found no [UNK] among 0 tokens"),
    ])
    func aVocabularyThatCannotBeIsNamed(text: String, said: String) {
        #expect(message(Self.bert.merging(["vocab.txt": text]) { $1 }).hasPrefix(said))
    }

    @Test func aVocabularyWithoutAClassThatReadsItIsNoTokenizer() {
        let folder = TestFolder()
        folder.write("vocab.txt", "[UNK]\nthe\n")
        #expect(throws: TokenizerError.notFound(path: folder.path)) {
            try TokenizerFolder.load(folder.path)
        }
    }

    @Test(arguments: [
        (#"{"do_lower_case": "yes"}"#, "do_lower_case: found text \"yes\", expected true or false"),
        (#"{"strip_accents": 1}"#, "strip_accents: found 1, expected true or false"),
        (
            #"{"unk_token": "<none>"}"#,
            "unk_token: found \"<none>\", expected a token of the vocabulary"
        ),
    ])
    func settingsOfBertThatCannotBeAreNamed(settings: String, said: String) {
        let text = settings.dropLast() + #", "tokenizer_class": "BertTokenizer"}"#
        let found = message(["vocab.txt": "[UNK]\nthe\n", "tokenizer_config.json": String(text)])
        #expect(found.hasPrefix("tokenizer_config.json: " + said), "\(found)")
    }

    private func file(_ model: String, _ more: String = "") -> [String: String] {
        ["tokenizer.json": #"{"model": {"type": "WordPiece", \#(model)}\#(more)}"#]
    }

    @Test func modelsThatCannotBeAreNamed() {
        let good =
            ###""continuing_subword_prefix": "##", "max_input_chars_per_word": 9, "unk_token": "u""###
        let vocabulary = #", "vocab": {"u": 0, "a": 1}"#
        #expect(
            message(file(good + #", "vocab": {"a": 0}"#)).contains(
                "model.unk_token: found \"u\", expected a token of the vocabulary"))
        #expect(
            message(file(good + #", "vocab": {"u": 99999999}"#)).contains(
                "model.vocab: found u: 99999999, expected an id from 0"))
        #expect(
            message(file(good + #", "vocab": {"u": 0, "u": 1}"#)).contains(
                "model.vocab: found a token or an id listed twice"))
        #expect(message(file(good + #", "vocab": {"u": -1}"#)).contains("expected an id from 0"))
        #expect(
            message(file(good.replacing("9", with: "-9") + vocabulary)).contains(
                "model.max_input_chars_per_word: found -9, expected a whole number from 0"))
        #expect(
            message(file(good.replacing("9", with: "1e300") + vocabulary)).contains(
                "model.max_input_chars_per_word: found 1e300, expected a whole number"))
        #expect(
            message(file(#""unk_token": "u", "max_input_chars_per_word": 9"# + vocabulary))
                .contains(
                    "model.continuing_subword_prefix: found nothing"))
        #expect(message(file(good + vocabulary + #", "merges": []"#)).contains("'model.merges'"))
        let single =
            #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": -1}}], "#
            + #""pair": [], "special_tokens": {}}"#
        #expect(
            message(file(good + vocabulary, #", "post_processor": \#(single)"#)).contains(
                "post_processor.single.type_id: found -1, expected a token type from 0"))
        let other = #"{"type": "BertProcessing", "cls": ["a", 1], "sep": ["b", 7]}"#
        #expect(
            message(file(good + vocabulary, #", "post_processor": \#(other)"#)).contains(
                "post_processor: found id 7, expected the id of a token"))
        #expect(
            message(file(good + vocabulary, #", "normalizer": {"type": "BertNormalizer"}"#))
                .contains(
                    "normalizer.clean_text: found nothing, expected true or false"))
    }
}
