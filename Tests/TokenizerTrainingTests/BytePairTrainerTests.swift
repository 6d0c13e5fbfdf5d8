import Foundation
import Testing
import TokenizerSupport
import TokenizerTraining
import Tokenizers

private let fixtures = TokenizerFixtures()

@Suite struct BytePairTrainerTests {
    private static let preTokenizers: [String: PreTokenizer] = [
        "gpt2": .gpt2, "llama3": .llama3, "qwen2": .qwen2, "smollm2": .smolLM2,
        "uncut": PreTokenizer(stages: []),
    ]

    private func merges(of tokenizer: TokenizerPipeline) throws -> [[String]] {
        let json = try JSONSerialization.jsonObject(with: Data(tokenizer.fileText.utf8))
        let model = try #require((json as? [String: Any])?["model"] as? [String: Any])
        return try #require(model["merges"] as? [[String]])
    }

    private func corpus() throws -> String {
        try fixtures.texts().map { String(decoding: $0, as: UTF8.self) }.joined()
    }

    @Test(arguments: try fixtures.text("training.txt").split(separator: "\n").map(String.init))
    func mergesEqualHuggingFace(_ row: String) throws {
        let fields = row.split(separator: " ").map(String.init)
        let trainer = try BytePairTrainer(
            vocabularySize: 1500, minimumFrequency: 2,
            preTokenizer: try #require(Self.preTokenizers[fields[0]]),
            normalizer: fields[0] == "qwen2" ? .nfc : .none)
        try fixtures.withFolder { folder in
            let file = folder.appendingPathComponent("text.txt")
            try corpus().write(to: file, atomically: true, encoding: .utf8)
            let merges = try merges(of: trainer.train(files: [file.path], threads: 2))
            #expect("\(merges.count)" == fields[1])
            let text = merges.map { "\($0[0]) \($0[1])\n" }.joined()
            #expect(String(fixtures.hash(text), radix: 16) == fields[2].drop { $0 == "0" })
        }
    }

    @Test func theNumberOfThreadsChangesNothing() throws {
        let trainer = try BytePairTrainer(vocabularySize: 600)
        let lines = try corpus().split(separator: "\n").map(String.init)
        // Enough text for several batches.
        let texts = Array(repeatElement(lines, count: 100).joined())
        let one = try trainer.train(texts: texts, threads: 1)
        let three = try trainer.train(texts: texts, threads: 3)
        #expect(one.fileText == three.fileText)
        #expect(one.hash == three.hash)
    }

    @Test func theVocabularyIsSpecialTokensThenBytesThenMerges() throws {
        let trainer = try BytePairTrainer(
            vocabularySize: 260, specialTokens: ["<|endoftext|>", "<|pad|>"])
        let tokenizer = try trainer.train(texts: ["aaab aaab cc"], threads: 1)
        #expect(tokenizer.vocabularySize == 260)
        #expect(tokenizer.id(of: "<|endoftext|>") == 0)
        #expect(tokenizer.id(of: "<|pad|>") == 1)
        #expect(tokenizer.id(of: "!") == 2)
        #expect(tokenizer.id(of: "aa") == 258)
        #expect(try merges(of: tokenizer) == [["a", "a"], ["a", "b"]])
        #expect(tokenizer.endOfText == 0)
        #expect(tokenizer.beginOfText == 0)
    }

    @Test func rarePairsAreNotMerged() throws {
        let trainer = try BytePairTrainer(vocabularySize: 300, minimumFrequency: 3)
        let tokenizer = try trainer.train(texts: ["ab ab ab", "cd cd"], threads: 1)
        #expect(try merges(of: tokenizer) == [["a", "b"]])
    }

    @Test func linesOfAFileAreTextsOfTheirOwn() throws {
        let trainer = try BytePairTrainer(
            vocabularySize: 300, minimumFrequency: 2, preTokenizer: PreTokenizer(stages: []))
        try fixtures.withFolder { folder in
            let file = folder.appendingPathComponent("text.txt")
            try "x\ny\nx\ny".write(to: file, atomically: true, encoding: .utf8)
            #expect(
                try merges(of: trainer.train(files: [file.path], threads: 1)) == [["x", "Ċ"]])
        }
    }

    @Test func aLineLongerThanABatchIsReadWhole() throws {
        let trainer = try BytePairTrainer(
            vocabularySize: 270, preTokenizer: PreTokenizer(stages: [.split(.gpt2)]))
        let long = String(repeating: "spam and eggs ", count: 400_000)
        try fixtures.withFolder { folder in
            let file = folder.appendingPathComponent("text.txt")
            try long.write(to: file, atomically: true, encoding: .utf8)
            let fromFile = try trainer.train(files: [file.path], threads: 2)
            #expect(fromFile.fileText == (try trainer.train(texts: [long], threads: 1)).fileText)
        }
    }

    @Test func aTrainedTokenizerIsReadBackAlike() throws {
        let trainer = try BytePairTrainer(
            vocabularySize: 700, preTokenizer: .smolLM2, normalizer: .nfc)
        let trained = try trainer.train(texts: [corpus()], threads: 1)
        try fixtures.withFolder { folder in
            try TokenizerFolder.write(trained, to: folder.path)
            let read = try TokenizerFolder.load(folder.path)
            #expect(read.fileText == trained.fileText)
            #expect(read.configurationText == trained.configurationText)
            #expect(read.hash == trained.hash)
            #expect(read.endOfText == trained.endOfText)
            for text in try fixtures.texts() {
                #expect(
                    read.encode(utf8: text, addSpecialTokens: true)
                        == trained.encode(utf8: text, addSpecialTokens: true))
            }
        }
    }

    @Test func settingsThatCannotWorkAreRefused() throws {
        #expect(throws: TokenizerError.self) { try BytePairTrainer(vocabularySize: 256) }
        #expect(throws: TokenizerError.self) {
            try BytePairTrainer(vocabularySize: 500, specialTokens: ["<s>", "<s>"])
        }
        let trainer = try BytePairTrainer(vocabularySize: 257)
        #expect(
            throws: TokenizerError.training(
                setting: "input", found: "no text", expected: "files that hold some")
        ) { try trainer.train(texts: [""], threads: 1) }
        #expect(
            throws: TokenizerError.unreadable(
                path: "no-such.txt", reason: "open failed: No such file or directory")
        ) { try trainer.train(files: ["no-such.txt"], threads: 1) }
    }
}
