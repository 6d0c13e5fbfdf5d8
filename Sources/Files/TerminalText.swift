/// Text of files and models as a terminal may be given it: shown, not obeyed.
package enum TerminalText {
    /// The text with control characters as escapes (`\x1b`): a terminal would take them for commands.
    /// Tabs stay, and where lines are kept, so do line ends.
    package static func shown(_ text: String, keepingLines: Bool = false) -> String {
        guard text.unicodeScalars.contains(where: { isControl($0, keepingLines) }) else {
            return text
        }
        var shown = ""
        for scalar in text.unicodeScalars {
            guard isControl(scalar, keepingLines) else {
                shown.unicodeScalars.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            shown += #"\x"# + (digits.count < 2 ? "0" : "") + digits
        }
        return shown
    }

    /// C0 but for the tab, DEL and C1 (ECMA-48).
    private static func isControl(_ scalar: Unicode.Scalar, _ keepsLines: Bool) -> Bool {
        switch scalar {
        case "\t": false
        case "\n": !keepsLines
        case "\0"..<" ", "\u{7F}"..."\u{9F}": true
        default: false
        }
    }
}
