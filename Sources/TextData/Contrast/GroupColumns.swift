import Datasets
import Files
import Templates

/// Where texts that belong together stand in a dataset's rows: the anchor, its positive, and hard negatives.
enum GroupColumns {
    /// Anchors and positives by the names that datasets of sentence-transformers and SimCSE give them.
    private static let usualPairs = [
        ["anchor", "positive"], ["query", "positive"], ["question", "positive"],
        ["query", "answer"], ["question", "answer"], ["query", "document"], ["query", "passage"],
        ["sentence1", "sentence2"], ["premise", "hypothesis"], ["sent0", "sent1"],
        ["text1", "text2"], ["text_a", "text_b"],
    ]
    private static let usualAnchors = ["anchor", "sentence", "text", "sent0", "content"]
    private static let usualNegatives = ["negative", "hard_neg"]

    /// The columns that dataset_info.json names (prompt is the anchor, response or else query its positive),
    /// or else those of usual names.
    ///
    /// - Parameter found: the columns of the dataset's rows.
    static func named(_ entry: DatasetEntry, found: [String]) -> [String] {
        func stated(_ key: String) -> String? {
            entry.statedColumns.contains(key) ? entry.columns[key] : nil
        }
        if let anchor = stated("prompt") {
            return [anchor, stated("response") ?? stated("query")].compactMap { $0 }
        }
        guard let pair = usualPairs.first(where: { $0.allSatisfy(found.contains) }) else {
            return [usualAnchors.first(where: found.contains) ?? usualPairs[0][0]]
        }
        let first = usualNegatives.first(where: found.contains)
        let numbered = (1..<found.count + 1).prefix { found.contains("negative_\($0)") }
        return pair + (first.map { [$0] } ?? []) + numbered.map { "negative_\($0)" }
    }

    /// Columns that no row has.
    static func missing(
        _ columns: [String], _ entry: DatasetEntry, found: [String]
    ) -> ConversationError {
        .setting(
            name: "the columns of dataset \(entry.name)",
            found: "no \(columns.joined(separator: ", ")) among \(found.joined(separator: ", "))",
            expected: "anchor and positive, or text alone; name them in text_column_names")
    }

    /// The texts of a row.
    static func row(_ row: JSONValue, _ columns: [String]) throws(RowProblem) -> LabeledRow {
        var texts: [String] = []
        for column in columns {
            guard let text = row.member(column)?.string, !text.isEmpty else {
                throw RowProblem(
                    found: "\(column): \(row.member(column)?.kind ?? "missing")",
                    expected: "a text")
            }
            texts.append(text)
        }
        return LabeledRow(content: .group(texts), label: nil)
    }
}
