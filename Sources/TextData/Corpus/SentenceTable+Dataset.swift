package import Masking

extension SentenceTable {
    /// Of a dataset whose ids mark sentences and documents; reads all of them once.
    ///
    /// - Throws: ``CorpusError`` where a file has changed since it was opened.
    package init(_ dataset: TokenDataset, _ marks: SentenceText) throws(CorpusError) {
        try self.init(
            count: dataset.tokenCount, marks: marks,
            read: { places throws(CorpusError) in try dataset.ids(places) })
    }
}
