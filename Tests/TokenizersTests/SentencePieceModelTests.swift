import Files
import Foundation
import TestSupport
import Testing
import TokenizerSupport
import Tokenizers

/// `.model` files, by SentencePiece itself.
@Suite struct SentencePieceModelTests {
    private static let shared = TokenizerFixtures(folder: "sentencepiece_models")
    private static let reference =
        try! JSONValue.read(shared.text("ids.json"), file: "ids.json")
    static let names = (reference["ids"]?.members ?? []).map(\.key)

    private func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: Self.shared.folder.appendingPathComponent("\(name).model")))
    }

    @Test(arguments: names)
    func idsAndTextAreThoseOfSentencePiece(_ name: String) throws {
        let path = Self.shared.folder.appendingPathComponent("\(name).model").path
        let tokenizer = try TokenizerFolder.load(path)
        let unknown = try #require(tokenizer.unknown)
        let texts = (Self.reference["texts"]?.array ?? []).compactMap(\.string)
        let rows = try #require(Self.reference["ids"]?[name]?.array)
        #expect(texts.count == rows.count)
        for (text, row) in zip(texts, rows) {
            let expected = (row.array?[0].array ?? []).compactMap { $0.integer.map { Int32($0) } }
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            #expect(ids == expected, "\(name): \(text.debugDescription)")
            if !expected.contains(unknown) {
                #expect(tokenizer.decode(expected) == row.array?[1].string, "\(name): \(expected)")
            }
        }
    }

    @Test func aFolderWithAModelAloneIsATokenizer() throws {
        let folder = TestFolder()
        folder.write("spiece.model", try bytes("unigram"))
        folder.write(
            "tokenizer_config.json", #"{"tokenizer_class": "T5Tokenizer", "extra_ids": 4}"#)
        let tokenizer = try TokenizerFolder.load(folder.path)
        // transformers 5.23's ids of "a <extra_id_0> b<extra_id_3>"
        // (scripts/references/transformers_literals.py).
        let size = Int32(tokenizer.vocabularySize)
        #expect((0..<4).map { tokenizer.id(of: "<extra_id_\($0)>") } == [65, 64, 63, 62])
        #expect(size == 66)
        #expect(
            tokenizer.encode("a <extra_id_0> b<extra_id_3>", addSpecialTokens: true)
                == [23, 65, 3, 36, 62, 1])
        // What a checkpoint keeps makes the same tokenizer.
        let files = try TokenizerFolder.files(of: folder.path)
        let kept = try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
        #expect(kept.hash == tokenizer.hash)
    }

    /// Ids by AutoTokenizer of transformers 5.23 from the same two files: a mark at which a text is cut takes
    /// no space from what follows (scripts/references/transformers_literals.py).
    @Test(arguments: ["t5", "mt5"])
    func aT5sModelAloneHasItsSentinels(_ type: String) throws {
        let folder = TestFolder()
        folder.write("spiece.model", try bytes("unigram"))
        folder.write("config.json", #"{"model_type": "\#(type)"}"#)
        let loaded = try TokenizerFolder.load(folder.path)
        let files = try TokenizerFolder.files(of: folder.path)
        let kept = try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
        let cases: [(String, [Int32])] = [
            (
                "The <extra_id_0> walks in <extra_id_1> park.",
                [3, 2, 52, 12, 161, 3, 51, 60, 56, 2, 58, 14, 160, 3, 2, 60, 59, 2, 13, 1]
            ),
            ("the dog<extra_id_0>", [5, 3, 29, 31, 53, 161, 1]),
            ("the  model <extra_id_99>", [5, 22, 62, 1]),
        ]
        for tokenizer in [loaded, kept] {
            #expect(tokenizer.vocabularySize == 162)
            for (text, ids) in cases {
                #expect(tokenizer.encode(text, addSpecialTokens: true) == ids, "\(text)")
            }
        }
    }

    /// As save_pretrained of transformers 5.23 writes it, of XLM-R as the model's own numbers have it,
    /// which is 0 (scripts/references/transformers_literals.py); 3 is its place among XLM-R's.
    @Test(arguments: [
        ("unigram", "spiece.model", "T5Tokenizer", 2),
        ("fairseq", "sentencepiece.bpe.model", "XLMRobertaTokenizer", 0),
        ("fairseq", "sentencepiece.bpe.model", "XLMRobertaTokenizer", 3),
    ])
    func theUnknownPiecesOwnPlaceMayBeNamed(
        _ model: String, _ file: String, _ name: String, _ place: Int
    ) throws {
        let folder = TestFolder()
        folder.write(file, try bytes(model))
        func load(_ more: String) throws -> any Tokenizer {
            folder.write("tokenizer_config.json", #"{"tokenizer_class": "\#(name)"\#(more)}"#)
            return try TokenizerFolder.load(folder.path)
        }
        let plain = try load("")
        let named = try load(#", "unk_id": \#(place)"#)
        #expect(named.hash == plain.hash)
        // What is written of it is for a general class.
        try TokenizerFolder.write(named, to: folder("written"))
        let written = try TokenizerFolder.load(folder("written"))
        let ids = plain.encode("the dog 語", addSpecialTokens: true)
        #expect(written.encode("the dog 語", addSpecialTokens: true) == ids)
        let error = #expect(throws: TokenizerError.self) { try load(#", "unk_id": 5"#) }
        #expect(
            error?.description.contains("unk_id: found 5, expected the place of \"<unk>\"") == true)
    }

    /// Ids and texts by transformers' AutoTokenizer of the same folder.
    @Test(arguments: [
        ("tokenizer_config.json", #"{"tokenizer_class": "XLMRobertaTokenizer"}"#),
        ("config.json", #"{"model_type": "xlm-roberta"}"#),
    ])
    func anXLMRsModelAloneHasFairseqsNumbers(_ name: String, _ text: String) throws {
        let reference = try JSONValue.read(Self.shared.text("fairseq.json"), file: "fairseq.json")
        func ids(_ value: JSONValue?) -> [Int32] {
            (value?.array ?? []).compactMap { $0.integer.map { Int32($0) } }
        }
        let folder = TestFolder()
        folder.write("sentencepiece.bpe.model", try bytes("fairseq"))
        folder.write(name, text)
        let loaded = try TokenizerFolder.load(folder.path)
        let files = try TokenizerFolder.files(of: folder.path)
        let kept = try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
        for tokenizer in [loaded, kept] {
            #expect(tokenizer.vocabularySize == reference["size"]?.integer)
            let special = [
                tokenizer.beginOfText, tokenizer.padding, tokenizer.endOfText, tokenizer.unknown,
                tokenizer.mask,
            ]
            #expect(special.compactMap { $0 } == ids(reference["special"]))
            for (number, text) in (reference["texts"]?.array ?? []).enumerated() {
                let text = try #require(text.string)
                let expected = ids(reference["ids"]?.array?[number])
                let found = tokenizer.encode(text, addSpecialTokens: false)
                #expect(found == expected, "\(text.debugDescription)")
                #expect(
                    tokenizer.decode(tokenizer.encode(text, addSpecialTokens: true))
                        == reference["decoded"]?.array?[number].string)
            }
            let pair = try tokenizer.encode("the model", pair: "größe", truncation: nil)
            #expect(pair.ids == ids(reference["pair"]))
        }
    }

    // What ALBERT does to texts before, its model does not say.
    @Test(arguments: [
        ("tokenizer_config.json", #"{"tokenizer_class": "AlbertTokenizer"}"#),
        ("config.json", #"{"model_type": "albert"}"#),
    ])
    func anALBERTsModelAloneIsRefused(_ name: String, _ text: String) throws {
        let folder = TestFolder()
        folder.write("spiece.model", try bytes("fairseq"))
        folder.write(name, text)
        let error = #expect(throws: TokenizerError.self) { try TokenizerFolder.load(folder.path) }
        #expect(error?.description.contains("AlbertTokenizer is not supported, only it") == true)
    }

    @Test func fairseqsNumbersNeedToBeAskedFor() throws {
        let folder = TestFolder()
        folder.write("sentencepiece.bpe.model", try bytes("fairseq"))
        let error = #expect(throws: TokenizerError.self) { try TokenizerFolder.load(folder.path) }
        #expect(error?.description.contains("XLMRobertaTokenizer") == true)
    }

    /// By transformers 5.23 from the same files, except that without a word a text begins with its token,
    /// as its page says and SentencePiece's users know it (scripts/references/transformers_literals.py).
    @Test(
        arguments: [
            (#"{}"#, [1], []), (#"{"add_bos_token": true}"#, [1], []),
            (#"{"add_bos_token": false}"#, [], []), (#"{"add_eos_token": true}"#, [1], [2]),
            (#"{"add_bos_token": false, "add_eos_token": true}"#, [], [2]),
        ] as [(String, [Int32], [Int32])])
    func tokensAroundTextsAreThoseThatTheFolderNames(
        _ configuration: String, _ before: [Int32], _ after: [Int32]
    ) throws {
        let folder = TestFolder()
        folder.write("tokenizer.model", try bytes("bpe"))
        folder.write("tokenizer_config.json", configuration)
        let tokenizer = try TokenizerFolder.load(folder.path)
        let plain = tokenizer.encode("the dog", addSpecialTokens: false)
        #expect(tokenizer.encode("the dog", addSpecialTokens: true) == before + plain + after)
        // What a checkpoint keeps says the same.
        let files = try TokenizerFolder.files(of: folder.path)
        let kept = try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
        #expect(kept.encode("the dog", addSpecialTokens: true) == before + plain + after)
    }

    private func message(_ bytes: [UInt8]) -> String {
        let folder = TestFolder()
        folder.write("tokenizer.model", bytes)
        do {
            _ = try TokenizerFolder.load(folder.path)
            return ""
        } catch {
            #expect(!error.description.contains("\n"))
            return error.description.replacing(folder.path + "/", with: "")
        }
    }

    @Test func aFileThatIsCutOffIsRefused() throws {
        let whole = try bytes("bpe_table")
        var refusals = 0
        for length in stride(from: 0, to: whole.count, by: 61) {
            // A cut between two fields leaves a smaller model, which is one.
            let said = message(Array(whole[..<length]))
            let isRefused = said.hasPrefix("tokenizer.model: ")
            #expect(isRefused || said.isEmpty, "\(length): \(said)")
            refusals += isRefused ? 1 : 0
        }
        #expect(refusals > 35)
    }

    @Test func bytesThatAreNoModelAreRefused() throws {
        #expect(
            message([]) == "tokenizer.model: byte 0: found no pieces, expected a SentencePiece"
                + " model; the file is damaged or not JSON")
        #expect(
            message([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])
                .contains("bytes of field 1, expected at most 0, which are left"))
        #expect(message(Array(repeating: 0xFF, count: 40)).contains("expected a whole number"))
        #expect(message([0x0B, 0x01]).contains("field 1 of wire type 3"))
        #expect(message([0x0A, 0x03, 0x0A, 0x01, 0xFF]).contains("bytes that are no UTF-8"))
    }

    /// A field of a trainer's or normalizer's settings at the end wins over what stands before.
    @Test(
        arguments: [
            (
                [0x12, 0x02, 0x18, 0x03],
                "model_type: 3 is not supported, only 1 (Unigram) and 2 (BPE)"
            ),
            (
                [0x12, 0x03, 0xC0, 0x02, 0x07],
                "unk_id: found 7, expected the id of the unknown piece"
            ),
            ([0x12, 0x04, 0xC8, 0x02, 0xE8, 0x07], "bos_id: found 1000, expected an id below"),
            ([0x12, 0x03, 0xC0, 0x01, 0x01], "treat_whitespace_as_suffix: 1 is not supported"),
            ([0x1A, 0x02, 0x28, 0x00], "escape_whitespaces: 0 is not supported"),
            (
                [
                    0x0A, 0x05, 0x0A, 0x03, 0x61, 0x62, 0x63, 0x0A, 0x05, 0x0A, 0x03, 0x61, 0x62,
                    0x63,
                ],
                "\"abc\" once more, expected each piece once"
            ),
            (
                [0x0A, 0x07, 0x0A, 0x03, 0x61, 0x62, 0x64, 0x18, 0x09],
                "expected a score and a type from 1"
            ),
            (
                [0x0A, 0x0A, 0x0A, 0x03, 0x61, 0x62, 0x64, 0x15, 0, 0, 0xC0, 0x7F],
                "found score nan"
            ),
        ] as [([UInt8], String)])
    func settingsThatCannotBeAreNamed(field: [UInt8], said: String) throws {
        #expect(message(try bytes("bpe_plain") + field).contains(said))
    }
}
