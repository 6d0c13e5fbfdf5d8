package import Files

/// Settings as YAML, a key a line.
package enum YAMLText {
    /// The lines; texts are bare where every reader takes them for texts.
    package static func lines(_ settings: [JSONValue.Member]) -> String {
        settings.map { "\(scalar($0.key)): \(value($0.value))\n" }.joined()
    }

    private static func value(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): scalar(text)
        case .array(let items): "[" + items.map(self.value).joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.map { "\(scalar($0.key)): \(self.value($0.value))" }
                .joined(separator: ", ") + "}"
        default: value.text()
        }
    }

    private static func scalar(_ text: String) -> String {
        let words: Set = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        let first = text.unicodeScalars.first
        let isBare =
            !words.contains(text.lowercased())
            && first.map { ("a"..."z").contains($0) || ("A"..."Z").contains($0) || $0 == "/" }
                ?? false
            && text.unicodeScalars.allSatisfy {
                ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                    || "_-./".unicodeScalars.contains($0)
            }
        return isBare ? text : JSONValue.string(text).text()
    }
}
