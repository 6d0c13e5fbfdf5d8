import Dispatch
import Synchronization
package import Tokenizers

/// Learns a vocabulary from the words of texts and how often each occurs.
package protocol TokenizerTrainer: Sendable {
    var preTokenizer: PreTokenizer { get }
    var normalizer: TextNormalizer { get }
    /// Set where texts are read line by line, and which lines are left out.
    var sentences: SentenceRules? { get }
    /// Whether no word, and nothing that is done to a text, reaches over a blank or a line end.
    var wordsEndAtBlanks: Bool { get }

    /// Learns from counted words.
    ///
    /// - Throws: ``TokenizerError`` where they do not allow what is asked for.
    func learn(_ words: WordCounter) throws(TokenizerError) -> TokenizerPipeline
}

extension TokenizerTrainer {
    package var sentences: SentenceRules? { nil }
    package var wordsEndAtBlanks: Bool { false }

    /// Learns from text files, each line by itself, as Hugging Face's `train(files)` does.
    ///
    /// - Parameters:
    ///   - threads: threads that count words.
    ///   - tell: gets a line about lines that are left out.
    /// - Throws: ``TokenizerError`` where a file cannot be read or none holds text.
    package func train(
        files: [String], threads: Int, tell: (String) -> Void = { _ in }
    ) throws(TokenizerError) -> TokenizerPipeline {
        var reader = TextBatchReader(files)
        return try train(threads: threads, tell) { () throws(TokenizerError) in
            try reader.next()
        }
    }

    /// Learns from texts, as Hugging Face's `train_from_iterator` does.
    ///
    /// - Parameters:
    ///   - threads: threads that count words.
    ///   - tell: gets a line about lines that are left out.
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` where there is no text.
    package func train(
        texts: some Sequence<String>, threads: Int, tell: (String) -> Void = { _ in }
    ) throws(TokenizerError) -> TokenizerPipeline {
        var iterator = texts.makeIterator()
        return try train(threads: threads, tell) { () throws(TokenizerError) in
            var batch = TextBatch()
            while batch.bytes.count < 4 << 20, let text = iterator.next() {
                batch.bytes += text.utf8
                batch.ends.append(batch.bytes.count)
            }
            return batch.ends.isEmpty ? nil : batch
        }
    }

    private func train(
        threads: Int, _ tell: (String) -> Void,
        _ next: () throws(TokenizerError) -> TextBatch?
    ) throws(TokenizerError) -> TokenizerPipeline {
        let words = try count(threads: max(threads, 1), next)
        if let sentences, words.skipped > 0 {
            tell(
                "left out \(words.skipped) lines: longer than \(sentences.longest) bytes, or with "
                    + "U+2585, as SentencePiece does")
        }
        guard !words.counts.isEmpty else {
            throw .training(setting: "input", found: "no text", expected: "files that hold some")
        }
        return try learn(words)
    }

    /// Counts words, each thread a batch at a time.
    private func count(
        threads: Int, _ next: () throws(TokenizerError) -> TextBatch?
    ) throws(TokenizerError) -> WordCounter {
        let classes = ScalarClasses()
        let first = WordCounter(
            preTokenizer, normalizer, classes, sentences: sentences, endsAtBlanks: wordsEndAtBlanks)
        let counters = (0..<threads).map { _ in SharedCounter(first) }
        while true {
            var batches: [TextBatch] = []
            while batches.count < threads, let batch = try next() { batches.append(batch) }
            if batches.isEmpty { break }
            let round = batches
            DispatchQueue.concurrentPerform(iterations: round.count) { index in
                counters[index].counter.withLock { $0.count(round[index]) }
            }
        }
        var total = counters[0].counter.withLock { $0 }
        for other in counters.dropFirst() { other.counter.withLock { total.add($0) } }
        total.countChunks()
        return total
    }
}

/// A word counter that one thread at a time works on.
private final class SharedCounter: Sendable {
    let counter: Mutex<WordCounter>

    init(_ counter: WordCounter) { self.counter = Mutex(counter) }
}
