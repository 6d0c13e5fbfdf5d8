import Foundation

/// A regular expression as Python's `re` reads it, as far as both engines agree.
///
/// ICU's engine does the work: `.` stops at line feeds alone and `$` stands before the last one, as in
/// Python. What only Python writes so is translated, ``PatternTranslation``.
package struct PythonPattern: Sendable {
    private let expression: NSRegularExpression

    /// - Returns: `nil` for what is no pattern.
    package init?(_ source: String) {
        guard let translated = PatternTranslation.icu(source),
            let expression = try? NSRegularExpression(
                pattern: translated, options: [.useUnixLineSeparators])
        else { return nil }
        self.expression = expression
    }

    /// Every match's groups (`re.findall`): the whole where there are none, else each group, empty where it
    /// took no part.
    package func matches(in text: String) -> [[String]] {
        let whole = text as NSString
        let range = NSRange(location: 0, length: whole.length)
        return expression.matches(in: text, range: range).map { match in
            let first = match.numberOfRanges > 1 ? 1 : 0
            return (first..<match.numberOfRanges).map { group in
                let range = match.range(at: group)
                return range.location == NSNotFound ? "" : whole.substring(with: range)
            }
        }
    }

    /// The text with matches replaced (`re.sub`); `\1` and `\g<1>` in `replacement` stand for groups.
    ///
    /// - Parameter count: of matches that are replaced; 0 for all.
    package func replacing(in text: String, with replacement: String, count: Int = 0) -> String {
        let template = Self.template(replacement)
        guard count > 0 else {
            let range = NSRange(location: 0, length: (text as NSString).length)
            return expression.stringByReplacingMatches(
                in: text, range: range, withTemplate: template)
        }
        let whole = text as NSString
        var (result, place) = ("", 0)
        let range = NSRange(location: 0, length: whole.length)
        for match in expression.matches(in: text, range: range).prefix(count) {
            result += whole.substring(
                with: NSRange(location: place, length: match.range.location - place))
            result += expression.replacementString(
                for: match, in: text, offset: 0, template: template)
            place = match.range.location + match.range.length
        }
        return result + whole.substring(from: place)
    }

    /// Python's replacement as ICU writes it.
    private static func template(_ replacement: String) -> String {
        var template = ""
        var rest = replacement[...]
        while let first = rest.popFirst() {
            if first == "$" {
                template += "\\$"
            } else if first == "\\", let next = rest.popFirst() {
                if next.isASCII, next.isNumber {
                    template += "$\(next)"
                } else if next == "n" {
                    template += "\n"
                } else if next == "g", rest.first == "<", let end = rest.firstIndex(of: ">") {
                    template += "$" + rest[rest.index(after: rest.startIndex)..<end]
                    rest = rest[rest.index(after: end)...]
                } else {
                    template += "\\\(next)"
                }
            } else {
                template.append(first)
            }
        }
        return template
    }
}

extension PythonPattern {
    /// `str.lower`, `str.upper`, `str.capitalize` and `str.strip` of Python, for programs that compare texts as it does.
    package static func lowercased(_ text: String) -> String { PythonText.lowercased(text) }
    package static func uppercased(_ text: String) -> String { PythonText.uppercased(text) }
    package static func capitalized(_ text: String) -> String { PythonText.capitalized(text) }
    package static func stripped(_ text: String) -> String {
        PythonText.stripped(text, of: nil, start: true, end: true)
    }
}
