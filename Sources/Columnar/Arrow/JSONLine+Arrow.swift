import Files

extension JSONLine {
    /// Writes a text, or null.
    ///
    /// - Parameter name: its column, for messages.
    /// - Throws: ``ArrowProblem`` where it is no UTF-8, and where the row becomes too large.
    mutating func write(_ letters: ByteView?, _ name: String) throws(ArrowProblem) {
        guard let letters else { return null() }
        try checkSize(adding: letters.count)
        guard letters.isUTF8 else { throw .damaged("column \(name) has a text that is no UTF-8") }
        text(letters)
    }

    /// Makes sure that a row does not become larger than any row may be. Lists whose elements share their
    /// bytes, or take none, could be of any length.
    func checkSize(adding count: Int = 0) throws(ArrowProblem) {
        // Rows that wait to be read stand before it.
        guard bytes.count > RecordLimit.usual.bytes + ArrowSource.chunk - count else { return }
        throw .unsupported(
            found: "more than \(RecordLimit.usual.bytes) bytes",
            advice: "divide the row into several")
    }
}
