import Files
import Foundation
import Masking
import TextData
import Tokenizers

extension PhraseTable {
    /// Phrases of a file, one a line, as a tokenizer writes them within a text.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where the file cannot be read or holds no phrase.
    init(file path: String, _ tokenizer: any Tokenizer) throws(TrainingError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .user(
                "phrase_file: '\(path)' cannot be read; give a text with a phrase in each line")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .user("phrase_file: '\(path)' is not UTF-8")
        }
        let phrases = text.split(whereSeparator: \.isNewline).map {
            $0.trimmingCharacters(in: .whitespaces)
        }.filter { !$0.isEmpty }
        guard !phrases.isEmpty else {
            throw .user("phrase_file: '\(path)' holds no phrase, expected one in each line")
        }
        // Where tokens hold the white space before them, a phrase stands at a text's beginning or behind it.
        self.init(
            phrases.flatMap { phrase in
                ["", " "].map { tokenizer.encode($0 + phrase, addSpecialTokens: false) }
            })
    }
}
