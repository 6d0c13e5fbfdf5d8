import TextData

extension CorpusManifest {
    /// What of the text is not in the shards as it stands in its files, as lines for the user; none where all is.
    func changes(folder: String) -> [String] {
        var lines: [String] = []
        if totals.replacedSequences > 0 {
            lines.append(
                "\(folder): \(totals.replacedSequences) places of the text are no UTF-8 and became U+FFFD; if the files "
                    + "have another encoding, convert them, for example with iconv")
        }
        if totals.droppedDocuments > 0 {
            lines.append(
                "\(folder): \(totals.droppedDocuments) documents without a letter (numbers or signs alone) are left out"
            )
        }
        if totals.removedCharacters > 0 {
            lines.append(
                "\(folder): \(totals.removedCharacters) control characters were removed from the text; all but tab and "
                    + "line feed are")
        }
        return lines
    }
}
