import Files
import Testing

@Suite struct TerminalTextTests {
    @Test func controlCharactersAreShownAsEscapes() {
        #expect(TerminalText.shown("a\u{1B}[31mred\u{7}") == #"a\x1b[31mred\x07"#)
        #expect(TerminalText.shown("\u{9B}2J\u{7F}\0") == #"\x9b2J\x7f\x00"#)
        #expect(TerminalText.shown("a\rb\u{8}c") == #"a\x0db\x08c"#)
    }

    @Test func ordinaryTextStays() {
        let text = "Grüße, 世界 🙂\tx"
        #expect(TerminalText.shown(text) == text)
        #expect(TerminalText.shown("") == "")
    }

    @Test func linesStayWhereTheyAreKept() {
        #expect(TerminalText.shown("a\nb\u{1B}", keepingLines: true) == "a\nb" + #"\x1b"#)
        #expect(TerminalText.shown("a\nb") == #"a\x0ab"#)
    }

    // A control character and a mark on it are one Character.
    @Test func aMarkOnAControlCharacterHidesNothing() {
        #expect(TerminalText.shown("\u{1B}\u{301}") == "\\x1b\u{301}")
    }
}
