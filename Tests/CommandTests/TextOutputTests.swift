import Testing
import lockstep

@Suite struct TextOutputTests {
    @Test func aTerminalIsShownControlCharactersAndAPipeGetsThem() {
        let text = "a\u{1B}]0;title\u{7}\n\tb\r\u{9B}2J"
        #expect(
            TextOutput(isTerminal: true).form(text) == #"a\x1b]0;title\x07"# + "\n\tb"
                + #"\x0d\x9b2J"#)
        #expect(TextOutput(isTerminal: false).form(text) == text)
    }
}
