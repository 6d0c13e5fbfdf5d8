import Dispatch
import Synchronization
package import Tokenizers

/// Learns a vocabulary from the words of texts and how often each occurs.
package protocol TokenizerTrainer: Sendable {
    var preTokenizer: PreTokenizer { get }
    var normalizer: TextNormalizer { get }

    /// Learns from counted words.
    ///
    /// - Throws: ``TokenizerError`` where they do not allow what is asked for.
    func learn(_ words: WordCounter) throws(TokenizerError) -> TokenizerPipeline
}

extension TokenizerTrainer {
    /// Learns from text files, each line by itself, as Hugging Face's `train(files)` does.
    ///
    /// - Parameter threads: threads that count words.
    /// - Throws: ``TokenizerError`` where a file cannot be read or none holds text.
    package func train(files: [String], threads: Int) throws(TokenizerError) -> TokenizerPipeline {
        var reader = TextBatchReader(files)
        return try train(threads: threads) { () throws(TokenizerError) in try reader.next() }
    }

    /// Learns from texts, as Hugging Face's `train_from_iterator` does.
    ///
    /// - Parameter threads: threads that count words.
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` where there is no text.
    package func train(
        texts: some Sequence<String>, threads: Int
    ) throws(TokenizerError) -> TokenizerPipeline {
        var iterator = texts.makeIterator()
        return try train(threads: threads) { () throws(TokenizerError) in
            var batch = TextBatch()
            while batch.bytes.count < 4 << 20, let text = iterator.next() {
                batch.bytes += text.utf8
                batch.ends.append(batch.bytes.count)
            }
            return batch.ends.isEmpty ? nil : batch
        }
    }

    private func train(
        threads: Int, _ next: () throws(TokenizerError) -> TextBatch?
    ) throws(TokenizerError) -> TokenizerPipeline {
        let words = try count(threads: max(threads, 1), next)
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
        let first = WordCounter(preTokenizer, normalizer, classes)
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
        return total
    }
}

/// A word counter that one thread at a time works on.
private final class SharedCounter: Sendable {
    let counter: Mutex<WordCounter>

    init(_ counter: WordCounter) { self.counter = Mutex(counter) }
}
