import Foundation
import TextData
import Tokenizers

/// What `tokenizer train` does.
package struct TokenizerTraining {
    private let inputs: [String]
    private let vocabularySize: Int
    private let output: String

    /// - Parameters:
    ///   - inputs: text files, folders, patterns.
    ///   - vocabularySize: bytes and special tokens included.
    ///   - output: the folder for the tokenizer's files.
    package init(inputs: [String], vocabularySize: Int, output: String) {
        self.inputs = inputs
        self.vocabularySize = vocabularySize
        self.output = output
    }

    /// Learns, and writes the folder. `tell` gets lines about it.
    ///
    /// Plain text is read line by line, as Hugging Face's trainer reads files; compressed files and
    /// JSON are unpacked, cleaned and read text by text, as `prepare` reads them.
    package func run(_ tell: (String) -> Void) throws(TrainingError) {
        let start = Date()
        let files: [String]?
        let texts: CorpusTexts
        do throws(CorpusError) {
            files = try CorpusTexts.plainFiles(of: inputs)
            texts = try CorpusTexts(inputs: inputs)
        } catch {
            throw .corpus(error)
        }
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let tokenizer: TokenizerPipeline
        do throws(TokenizerError) {
            let trainer = try BytePairTrainer(vocabularySize: vocabularySize)
            if let files {
                tokenizer = try trainer.train(files: files, threads: threads)
            } else {
                tokenizer = try trainer.train(texts: texts, threads: threads)
            }
        } catch {
            throw texts.failure.map { .corpus($0) } ?? .tokenizer(error)
        }
        if let failure = texts.failure { throw .corpus(failure) }
        do throws(TokenizerError) {
            try TokenizerFolder.write(tokenizer, to: output)
        } catch {
            throw .tokenizer(error)
        }
        let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
        tell(
            "learned \(tokenizer.vocabularySize) tokens in \(seconds) s, written to "
                + "\(output)/tokenizer.json")
    }
}
