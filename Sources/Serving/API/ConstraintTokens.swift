import Generation
import Synchronization

/// The vocabulary as constraints see it, made when the first one comes.
final class ConstraintTokens: Sendable {
    private let texts: TokenTexts
    private let vocabulary: Int
    private let table = Mutex<TokenTable?>(nil)

    init(_ texts: TokenTexts, vocabulary: Int) {
        self.texts = texts
        self.vocabulary = vocabulary
    }

    /// A grammar over the vocabulary. Special tokens are no text and write nothing.
    func constraint(_ grammar: Grammar) -> TokenConstraint {
        let table = table.withLock { table in
            let made =
                table
                ?? TokenTable(
                    (0..<Int32(vocabulary)).map { texts.isSpecial($0) ? [] : texts.bytes(of: $0) })
            table = made
            return made
        }
        return TokenConstraint(grammar, table)
    }
}
