import Evaluation
import Files
import Testing

/// What templates write of Python's values.
@Suite struct PythonLiteralTests {
    @Test func listsAndTextsAreRead() {
        #expect(
            PythonLiteral.value(#"['a', "b's", 'c\n\x41\u00e9', 3, -2.5, True, None]"#)
                == .array([
                    .string("a"), .string("b's"), .string("c\nAé"), .number("3"), .number("-2.5"),
                    .bool(true), .null,
                ]))
        #expect(PythonLiteral.value("[]") == .array([]))
        #expect(PythonLiteral.value("(1, 2)") == .array([.number("1"), .number("2")]))
        #expect(PythonLiteral.value("('a',)") == .array([.string("a")]))
        #expect(PythonLiteral.value("('a')") == .string("a"))
        #expect(
            PythonLiteral.value("{'k': [1], 'm': {}}")
                == .object([("k", .array([.number("1")])), ("m", .object([]))]))
        #expect(PythonLiteral.value("'a' 'b'") == .string("ab"))
    }

    @Test(arguments: ["", "a", "['a'", "['a' 1]", "[1] x", "'a", "007", "f(1)", "[,]", "1_"])
    func whatIsNoLiteralIsNone(_ text: String) {
        #expect(PythonLiteral.value(text) == nil)
    }
}
