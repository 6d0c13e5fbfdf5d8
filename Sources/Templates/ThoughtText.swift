import Foundation

extension String {
    /// The first span between two marks: with the marks, and without.
    func span(
        _ marks: ChatTemplate.MarkPair
    ) -> (whole: Range<String.Index>, inner: Range<String.Index>)? {
        guard let first = range(of: marks.begin, options: .literal),
            let last = range(of: marks.end, options: .literal, range: first.upperBound..<endIndex)
        else { return nil }
        return (first.lowerBound..<last.upperBound, first.upperBound..<last.lowerBound)
    }

    /// The text with every occurrence of `part` replaced, compared by characters as they stand.
    func replacing(_ part: Substring, literally replacement: String) -> String {
        replacingOccurrences(of: String(part), with: replacement, options: .literal)
    }

    /// The pieces of the text around spans between two marks, and what stood between the marks.
    func separated(_ marks: ChatTemplate.MarkPair) -> (pieces: [String], spans: [String]) {
        var rest = self
        var pieces: [String] = []
        var spans: [String] = []
        while let match = rest.span(marks) {
            pieces.append(String(rest[..<match.whole.lowerBound]))
            spans.append(String(rest[match.inner]))
            rest = String(rest[match.whole.upperBound...])
        }
        return (pieces + [rest], spans)
    }

    /// The message without thoughts and the line breaks they leave at its beginning.
    func withoutThoughts(_ marks: ChatTemplate.MarkPair) -> String {
        let kept = separated(marks).pieces.joined()
        return String(String.UnicodeScalarView(kept.unicodeScalars.drop { $0 == "\n" }))
    }

    /// Whether one of the marks around thoughts occurs, white space at its ends aside.
    func mentionsThoughts(_ marks: ChatTemplate.MarkPair) -> Bool {
        [marks.begin, marks.end].contains {
            let mark = $0.trimmingCharacters(in: .whitespacesAndNewlines)
            return range(of: mark, options: .literal) != nil
        }
    }
}
