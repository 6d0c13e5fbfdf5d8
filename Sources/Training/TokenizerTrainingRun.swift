import Foundation
import TextData
package import TokenizerTraining
import Tokenizers

/// What `tokenizer train` does.
package struct TokenizerTrainingRun {
    private let inputs: [String]
    private let kind: TokenizerKind
    private let vocabularySize: Int
    private let options: TokenizerOptions
    private let threads: Int
    private let output: String

    /// - Parameters:
    ///   - inputs: text files, folders, patterns.
    ///   - vocabularySize: special tokens included.
    ///   - threads: threads that count words; as many as there are cores if `nil`.
    ///   - output: the folder for the tokenizer's files.
    package init(
        inputs: [String], kind: TokenizerKind = .bpe, vocabularySize: Int,
        options: TokenizerOptions = TokenizerOptions(), threads: Int? = nil, output: String
    ) {
        self.inputs = inputs
        self.kind = kind
        self.vocabularySize = vocabularySize
        self.options = options
        self.threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        self.output = output
    }

    /// Learns, and writes the folder. `tell` gets lines about it.
    ///
    /// Plain text is read line by line, as Hugging Face's trainer reads files; compressed files and
    /// JSON are unpacked, cleaned and read text by text, as `prepare` reads them.
    package func run(_ tell: (String) -> Void) throws(TrainingError) {
        let start = Date()
        let trainer: any TokenizerTrainer
        do throws(TokenizerError) {
            trainer = try options.trainer(kind, vocabularySize: vocabularySize)
        } catch {
            throw .tokenizer(error)
        }
        let files: [String]?
        let texts: CorpusTexts
        do throws(CorpusError) {
            files = try CorpusTexts.plainFiles(of: inputs)
            texts = try CorpusTexts(inputs: inputs)
        } catch {
            throw .corpus(error)
        }
        let tokenizer: TokenizerPipeline
        do throws(TokenizerError) {
            if let files {
                tokenizer = try trainer.train(files: files, threads: threads, tell: tell)
            } else {
                tokenizer = try trainer.train(texts: texts, threads: threads, tell: tell)
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
        let seconds = String(format: "%.2f", Date().timeIntervalSince(start))
        tell(
            "learned \(tokenizer.vocabularySize) tokens in \(seconds) s, written to "
                + "\(output)/tokenizer.json")
    }
}
