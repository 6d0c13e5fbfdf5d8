import Foundation
import TextData

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
    package func run(_ tell: (String) -> Void) throws(TrainingError) {
        let start = Date()
        let texts: CorpusTexts
        do throws(CorpusError) {
            texts = try CorpusTexts(inputs: inputs)
        } catch {
            throw .corpus(error)
        }
        do throws(TokenizerError) {
            let trainer = try BytePairTrainer(vocabularySize: vocabularySize)
            let tokenizer = try trainer.train(
                texts: texts, threads: ProcessInfo.processInfo.activeProcessorCount)
            guard texts.failure == nil else { throw TokenizerError.notFound(path: output) }
            try TokenizerFolder.write(tokenizer, to: output)
            let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
            tell(
                "learned \(tokenizer.vocabularySize) tokens in \(seconds) s, written to "
                    + "\(output)/tokenizer.json")
        } catch {
            if let failure = texts.failure { throw .corpus(failure) }
            throw .tokenizer(error)
        }
    }
}
