import Testing
import TokenizerSupport
import TokenizerTraining
import Tokenizers

/// Chunks between blanks are counted first, and each different one is normalized and cut once. That has to
/// be as if every line was.
@Suite struct WordCounterTests {
    private static let trainers: [(name: String, trainer: any TokenizerTrainer)] = [
        ("pieces", try! SentencePieceTrainer(vocabularySize: 300)),
        (
            "pieces as they are",
            try! SentencePieceTrainer(vocabularySize: 300, normalization: .identity)
        ),
        ("unigram", try! UnigramTrainer(vocabularySize: 300)),
        ("wordpiece", try! WordPieceTrainer(vocabularySize: 300)),
        (
            "wordpiece with case",
            try! WordPieceTrainer(vocabularySize: 300, rules: BertRules(lowercases: false))
        ),
    ]

    private func count(
        _ batch: TextBatch, _ trainer: any TokenizerTrainer, endsAtBlanks: Bool
    ) -> WordCounter {
        var counter = WordCounter(
            trainer.preTokenizer, trainer.normalizer, ScalarClasses(),
            sentences: trainer.sentences, endsAtBlanks: endsAtBlanks)
        counter.count(batch)
        counter.countChunks()
        return counter
    }

    /// Same words, in the same order, equally often.
    private func expectEqual(_ batch: TextBatch, _ trainer: any TokenizerTrainer, _ name: String) {
        let chunked = count(batch, trainer, endsAtBlanks: true)
        let whole = count(batch, trainer, endsAtBlanks: false)
        #expect(trainer.wordsEndAtBlanks)
        #expect(!whole.counts.isEmpty)
        #expect(chunked.counts == whole.counts, "\(name)")
        #expect(chunked.words.bytes == whole.words.bytes, "\(name)")
        #expect(chunked.skipped == whole.skipped, "\(name)")
        let ranges = { (counter: WordCounter) in
            counter.counts.indices.map { counter.words.range(of: $0) }
        }
        #expect(ranges(chunked) == ranges(whole), "\(name)")
    }

    /// Before, behind and between blanks, and beside an accent that composes with what precedes it.
    @Test func everyScalarBesideBlanks() {
        for plane in [
            0..<0x10000 as Range<UInt32>, 0x10000..<0x20000, 0x2F800..<0x2FA20, 0xE0000..<0xE0200,
        ] {
            var batch = TextBatch()
            for scalar in plane.compactMap({ Unicode.Scalar($0) }) {
                let text = "a \(scalar) b\(scalar) \(scalar)\u{301}  \u{301}\(scalar)c"
                batch.bytes += text.utf8
                batch.ends.append(batch.bytes.count)
            }
            for (name, trainer) in Self.trainers { expectEqual(batch, trainer, name) }
        }
    }

    /// Invalid UTF-8, runs of blanks, chunks of all lengths, texts without a line end between them.
    @Test func varied() throws {
        var batch = TextBatch()
        for text in try TokenizerFixtures().texts() {
            batch.bytes += text
            batch.ends.append(batch.bytes.count)
        }
        for length in 1..<40 {
            for last in ["x", "y", "\u{E9}", "\u{2585}"] {
                let chunk = String(repeating: "abcdefghij", count: 5).prefix(length) + last
                batch.bytes += "\(chunk) \(chunk)\(chunk)\n\n \(chunk)".utf8
                batch.ends.append(batch.bytes.count)
            }
        }
        for bytes: [UInt8] in [
            [0xFF], [0x61, 0xE2, 0x82, 0x20, 0xAC], [0xF0, 0x9F], [0x20, 0xC3, 0x0A],
        ] {
            batch.bytes += bytes
            batch.ends.append(batch.bytes.count)
        }
        batch.bytes += [UInt8](repeating: 0x61, count: 4193) + [0x0A, 0x62]
        batch.ends.append(batch.bytes.count)
        for (name, trainer) in Self.trainers { expectEqual(batch, trainer, name) }
    }

    @Test func countersAreAdded() throws {
        let trainer = try SentencePieceTrainer(vocabularySize: 300)
        func counter() -> WordCounter {
            WordCounter(
                trainer.preTokenizer, trainer.normalizer, ScalarClasses(),
                sentences: trainer.sentences, endsAtBlanks: true)
        }
        func batch(_ text: String) -> TextBatch {
            var batch = TextBatch(bytes: Array(text.utf8))
            batch.ends = [batch.bytes.count]
            return batch
        }
        var (first, second) = (counter(), counter())
        first.count(batch("a longer-than-eight a"))
        second.count(batch("b longer-than-eight longer-than-nine a"))
        second.countChunks()
        second.count(batch("b"))
        first.add(second)
        first.countChunks()
        var found: [String: Int] = [:]
        for (number, count) in first.counts.enumerated() {
            let word = first.words.bytes[first.words.range(of: number)]
            found[String(decoding: word, as: UTF8.self)] = count
        }
        #expect(
            found == [
                "\u{2581}a": 3, "\u{2581}longer-than-eight": 2, "\u{2581}b": 2,
                "\u{2581}longer-than-nine": 1,
            ])
    }
}
