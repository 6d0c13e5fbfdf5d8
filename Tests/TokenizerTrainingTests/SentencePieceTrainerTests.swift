import Files
import Foundation
import TestSupport
import Testing
import TokenizerSupport
import TokenizerTraining
import Tokenizers

/// SentencePiece's BPE with byte fallback, by SentencePiece itself (scripts/references/piece_training.py).
@Suite struct SentencePieceTrainerTests {
    private static let reference: JSONValue = {
        let fixtures = TokenizerFixtures(folder: "piece_training")
        return try! JSONValue.read(fixtures.text("pieces.json"), file: "pieces.json")
    }()
    static let cases = Array((reference["cases"]?.array ?? []).indices)

    private func strings(_ value: JSONValue?) -> [String] {
        (value?.array ?? []).compactMap(\.string)
    }

    private func ids(_ value: JSONValue) -> [Int32] {
        (value.array ?? []).compactMap { $0.integer.map { Int32($0) } }
    }

    private func texts(_ corpus: String) -> [String] {
        strings(Self.reference["corpora"]?[corpus])
    }

    @Test(arguments: cases)
    func piecesAndIdsAreThoseOfSentencePiece(_ number: Int) throws {
        let example = try #require(Self.reference["cases"]?.array?[number])
        let rule = try #require(
            SentencePieceNormalization(rawValue: example["rule"]?.string ?? ""))
        let trainer = try SentencePieceTrainer(
            vocabularySize: try #require(example["size"]?.integer),
            coverage: try #require(example["coverage"]?.double), normalization: rule)
        let corpus = try #require(example["corpus"]?.string)
        let trained = try trainer.train(texts: texts(corpus), threads: 2)
        let pieces = (259..<Int32(trained.vocabularySize)).map { trained.token(of: $0) ?? "" }
        #expect(pieces == strings(example["pieces"]))
        #expect(trained.token(of: 0) == "<unk>" && trained.token(of: 258) == "<0xFF>")

        let folder = TestFolder()
        try TokenizerFolder.write(trained, to: folder.path)
        let read = try TokenizerFolder.load(folder.path)
        let model = try TokenizerFolder.load(folder("tokenizer.model"))
        #expect(read.hash == trained.hash && model.hash == trained.hash)
        #expect(read.beginOfText == 1 && read.endOfText == 2 && read.unknown == 0)
        let rows = example["ids"]?.array ?? []
        let probes = strings(Self.reference["probes"])
        let step = corpus == "varied" ? 1 : 4
        #expect(!rows.isEmpty)
        for (place, row) in zip(stride(from: 0, to: probes.count, by: step), rows) {
            let found = read.encode(probes[place], addSpecialTokens: false)
            #expect(found == ids(row), "\(number): \(probes[place].debugDescription)")
            #expect(model.encode(probes[place], addSpecialTokens: false) == found)
        }
    }

    /// Bytes stand for what has no piece, so that decoding gives the normalized text.
    @Test func theWrittenRuleNormalizesAsSentencePiecesOwn() throws {
        let fixtures = TokenizerFixtures(folder: "piece_training")
        let rows = try JSONValue.read(fixtures.text("normalized.json"), file: "normalized.json")
        let trainer = try SentencePieceTrainer(vocabularySize: 300)
        let tokenizer = try trainer.train(texts: ["a b c"], threads: 1)
        #expect((rows.array ?? []).count > 200)
        for row in rows.array ?? [] {
            let text = try #require(row.array?[0].string)
            let normalized = try #require(row.array?[1].string)
            let expected = normalized.unicodeScalars.dropFirst().map { $0 == "▁" ? " " : $0 }
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            let found = Array(tokenizer.decode(ids).unicodeScalars)
            #expect(found == expected, "\(text.debugDescription)")
        }
    }

    @Test func linesThatSentencePieceLeavesOutAreCounted() throws {
        let trainer = try SentencePieceTrainer(vocabularySize: 300)
        var said: [String] = []
        let lines = ["a b", String(repeating: "a", count: 4193), "a ▅", "\n\n"]
        _ = try trainer.train(texts: lines, threads: 1) { said.append($0) }
        #expect(
            said == [
                "left out 2 lines: longer than 4192 bytes, or with U+2585, as SentencePiece does"
            ])
    }

    @Test func theNumberOfThreadsChangesNothing() throws {
        let trainer = try SentencePieceTrainer(vocabularySize: 900)
        let lines = Array(repeatElement(texts("varied"), count: 30).joined())
        let folders = try [1, 3].map { threads in
            let folder = TestFolder()
            let trained = try trainer.train(texts: lines, threads: threads)
            try TokenizerFolder.write(trained, to: folder.path)
            return folder
        }
        for name in ["tokenizer.json", "tokenizer.model"] {
            #expect(folders[0].bytes(name) == folders[1].bytes(name))
        }
    }

    @Test func settingsThatCannotWorkAreRefused() throws {
        func message(
            _ size: Int, _ kind: TokenizerKind = .sentencePieceBPE,
            _ change: (inout TokenizerOptions) -> Void = { _ in }
        ) throws -> String {
            var options = TokenizerOptions()
            change(&options)
            let error = #expect(throws: TokenizerError.self) {
                try options.trainer(kind, vocabularySize: size).train(texts: ["ab"], threads: 1)
            }
            return try #require(error).description
        }
        #expect(
            try message(259)
                == "tokenizer training: vocabulary size: found 259, expected 260 (special tokens, bytes "
                + "and a character) to 16777216")
        #expect(
            try message(261)
                == "tokenizer training: vocabulary size: found 261, expected at least 262, for the texts "
                + "have 3 frequent characters; or a smaller character coverage")
        #expect(
            try message(300) { $0.coverage = 0 }.contains("found 0.0, expected a share above 0"))
        #expect(
            try message(300) { $0.sentinels = 3 }
                .hasSuffix("found it with --type sentencepiece-bpe, expected --type unigram"))
        #expect(
            try message(300, .bpe) { $0.normalization = .identity }
                .hasSuffix(
                    "--normalization: found it with --type bpe, expected --type unigram or "
                        + "sentencepiece-bpe"))
    }
}
