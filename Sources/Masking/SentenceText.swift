/// A text's ids with the ends of its sentences, one a line, and of its documents, at empty lines.
package struct SentenceText: Sendable {
    package let sentenceEnd, documentEnd: Int32

    package init(sentenceEnd: Int32, documentEnd: Int32) {
        self.sentenceEnd = sentenceEnd
        self.documentEnd = documentEnd
    }

    /// - Parameter utf8: a text or a piece of one, whose last line may go on in the next.
    package func ids(_ utf8: [UInt8], _ encode: ([UInt8]) -> [Int32]) -> [Int32] {
        let lines = utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
        var ids: [Int32] = []
        for (number, line) in lines.enumerated() {
            let isEnded = number < lines.count - 1
            guard line.contains(where: { !Self.blanks.contains($0) }) else {
                if isEnded { ids.append(documentEnd) }
                continue
            }
            ids += encode(Array(line))
            if isEnded { ids.append(sentenceEnd) }
        }
        return ids
    }

    private static let blanks: Set<UInt8> = [0x20, 0x09, 0x0D]
}
