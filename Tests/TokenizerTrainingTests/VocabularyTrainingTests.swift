import Files
import Foundation
import TestSupport
import Testing
import TokenizerSupport
import TokenizerTraining
import Tokenizers

private let fixtures = TokenizerFixtures()

/// WordPiece and Unigram vocabularies that are learned.
@Suite struct VocabularyTrainingTests {
    private func tokens(_ tokenizer: any Tokenizer) -> [String] {
        (0..<Int32(tokenizer.vocabularySize)).compactMap { tokenizer.token(of: $0) }
    }

    private func texts() throws -> [String] {
        try fixtures.texts().map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: WordPiece

    /// Hugging Face's trainer on the same texts, as a set: no pair of these is as frequent as another
    /// when it is merged.
    @Test func wordPiecesAreThoseOfHuggingFace() throws {
        let trainer = try WordPieceTrainer(vocabularySize: 22, minimumFrequency: 2)
        let words = ["hugging": 8, "hug": 15, "pug": 4, "Pun": 13, "bun": 3, "hugs": 6]
        let texts = words.sorted { $0.key < $1.key }.flatMap {
            Array(repeating: $0.key, count: $0.value)
        }
        let trained = tokens(try trainer.train(texts: texts, threads: 1))
        #expect(trained[..<5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        #expect(trained[5..<12] == ["b", "g", "h", "i", "n", "p", "s"])
        #expect(trained[12] == "u")
        #expect(trained[13..<18] == ["##g", "##i", "##n", "##s", "##u"])
        #expect(trained[18...] == ["##ug", "hug", "##un", "pun"])
    }

    @Test func theNumberOfThreadsChangesNothing() throws {
        let lines = try texts()
        let many = Array(repeatElement(lines, count: 60).joined())
        let wordPieces = try WordPieceTrainer(vocabularySize: 2500)
        #expect(
            try wordPieces.train(texts: many, threads: 1).fileText
                == wordPieces.train(texts: many, threads: 3).fileText)
        let unigram = try UnigramTrainer(vocabularySize: 900, sentinels: 3, coverage: 0.9)
        #expect(
            try unigram.train(texts: lines, threads: 1).fileText
                == unigram.train(texts: lines, threads: 3).fileText)
    }

    @Test func aTrainedWordPieceFolderIsReadBackAlike() throws {
        for lowercases in [true, false] {
            let trainer = try WordPieceTrainer(
                vocabularySize: 2500, rules: BertRules(lowercases: lowercases))
            let trained = try trainer.train(texts: texts(), threads: 1)
            let folder = TestFolder()
            try TokenizerFolder.write(trained, to: folder.path)
            let read = try TokenizerFolder.load(folder.path)
            #expect(read.hash == trained.hash)
            #expect(read.mask == 4)
            #expect(read.classifier == 2)
            let alone = TestFolder()
            for name in ["vocab.txt", "tokenizer_config.json"] {
                alone.write(name, String(decoding: folder.bytes(name), as: UTF8.self))
            }
            let fromVocabulary = try TokenizerFolder.load(alone.path)
            for text in try texts() {
                let ids = trained.encode(text, addSpecialTokens: true)
                #expect(ids.first == 2 && ids.last == 3)
                #expect(read.encode(text, addSpecialTokens: true) == ids)
                #expect(fromVocabulary.encode(text, addSpecialTokens: true) == ids)
            }
        }
    }

    @Test func rareCharactersStayUnknownWhereTheAlphabetIsLimited() throws {
        let trainer = try WordPieceTrainer(
            vocabularySize: 20, minimumFrequency: 1, alphabetLimit: 2)
        let tokenizer = try trainer.train(texts: ["aab aab aab", "ab c"], threads: 1)
        #expect(tokenizer.encode("c aab", addSpecialTokens: false).first == 1)
        #expect(tokenizer.id(of: "c") == nil)
        #expect(tokenizer.id(of: "aab") != nil)
    }

    // MARK: Unigram

    @Test func piecesAreThoseThatSentencePieceKeeps() throws {
        let trainer = try UnigramTrainer(vocabularySize: 40, sentinels: 2, coverage: 1)
        let words = [
            "magnanimity": 5, "Pineapple": 6, "i have an apple and a pen": 1, "Overly": 6,
            "Available": 3,
        ]
        let texts = words.sorted { $0.key < $1.key }.flatMap {
            Array(repeating: $0.key, count: $0.value)
        }
        let tokenizer = try trainer.train(texts: texts, threads: 1)
        let found = tokens(tokenizer)
        #expect(found[..<3] == ["<pad>", "</s>", "<unk>"])
        #expect(found.suffix(2) == ["<extra_id_1>", "<extra_id_0>"])
        for character in "APOabdeghilmnprtvy▁" { #expect(found.contains(String(character))) }
        for text in texts {
            let ids = tokenizer.encode(text, addSpecialTokens: true)
            #expect(ids.last == 1)
            #expect(tokenizer.decode(ids, skipSpecialTokens: true) == text)
        }
        #expect(tokenizer.encode("Pineapple", addSpecialTokens: false).count < 5)
    }

    @Test func piecesHoldOneScriptAndAMarkOnlyInFront() throws {
        let trainer = try UnigramTrainer(vocabularySize: 200, sentinels: 0, coverage: 1)
        let texts = Array(repeating: "abc123 abc123x かなカナ漢字 don't", count: 20)
        for token in tokens(try trainer.train(texts: texts, threads: 1)).dropFirst(3) {
            #expect(!token.dropFirst().contains("▁"))
            #expect(!(token.contains("c") && token.contains("1")), "\(token)")
            #expect(!(token.contains("n") && token.contains("'")), "\(token)")
        }
    }

    @Test func aTrainedUnigramFolderIsReadBackAlike() throws {
        let trainer = try UnigramTrainer(vocabularySize: 900, sentinels: 5, coverage: 0.9)
        let trained = try trainer.train(texts: texts(), threads: 1)
        let folder = TestFolder()
        try TokenizerFolder.write(trained, to: folder.path)
        let read = try TokenizerFolder.load(folder.path)
        #expect(read.hash == trained.hash)
        #expect(read.endOfText == 1)
        #expect(read.padding == 0)
        let model = try TokenizerFolder.load(folder("spiece.model"))
        #expect(model.vocabularySize == trained.vocabularySize && model.padding == 0)
        for text in try texts() + ["<extra_id_3> ab<extra_id_0>"] {
            #expect(
                read.encode(text, addSpecialTokens: true)
                    == trained.encode(text, addSpecialTokens: true))
            #expect(
                model.encode(text, addSpecialTokens: false)
                    == trained.encode(text, addSpecialTokens: false))
        }
    }

    /// A mark of an accent goes with any script, a digit with none but signs.
    @Test func accentsGoWithAnyScript() throws {
        let trainer = try UnigramTrainer(
            vocabularySize: 40, sentinels: 0, coverage: 1, normalization: .identity)
        let texts = Array(repeating: "x\u{301}y x\u{301}y 1x", count: 30)
        let found = tokens(try trainer.train(texts: texts, threads: 1))
        #expect(found.contains { $0.unicodeScalars.contains("\u{301}") && $0.contains("y") })
        #expect(!found.contains { $0.contains("1") && $0.contains("x") })
    }

    // MARK: Refusals

    @Test func settingsThatCannotWorkAreRefused() throws {
        func message(_ kind: TokenizerKind, _ size: Int, _ change: (inout TokenizerOptions) -> Void)
            throws -> String
        {
            var options = TokenizerOptions()
            change(&options)
            let error = #expect(throws: TokenizerError.self) {
                try options.trainer(kind, vocabularySize: size).train(texts: ["ab"], threads: 1)
            }
            return try #require(error).description
        }
        #expect(
            try message(.wordpiece, 6) { _ in }.contains("vocabulary size: found 6, expected 7"))
        #expect(
            try message(.wordpiece, 7) { _ in }
                == "tokenizer training: vocabulary size: found 7, expected at least 8, for the texts "
                + "have 2 different characters; or limit the alphabet")
        #expect(try message(.unigram, -5) { _ in }.contains("found -5"))
        #expect(
            try message(.unigram, 104) { _ in }.contains("expected at least 106, for the texts"))
        #expect(
            try message(.unigram, 500) { $0.coverage = 2 }.contains("character coverage: found 2.0")
        )
        #expect(try message(.unigram, 500) { $0.sentinels = -1 }.contains("sentinels: found -1"))
        #expect(
            try message(.bpe, 500) { $0.sentinels = 1 }
                == "tokenizer training: --sentinels: found it with --type bpe, expected --type unigram"
        )
        #expect(
            try message(.wordpiece, 50) { $0.alphabetLimit = 0 }.contains("found 0, expected 1"))
        let trainer = try UnigramTrainer(vocabularySize: 500)
        #expect(throws: TokenizerError.self) { try trainer.train(texts: [" "], threads: 1) }
    }
}
