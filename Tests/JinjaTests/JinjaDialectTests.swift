import Files
import Jinja
import Testing

/// Templates of prompts, as lm-evaluation-harness's environment renders them.
@Suite struct JinjaDialectTests {
    private func rendered(_ source: String, _ values: [JSONValue.Member] = []) throws -> String {
        try JinjaTemplate(source, .prompts).render(values).text
    }

    /// Jinja2 3.1 with StrictUndefined and keep_trailing_newline gives these.
    @Test func blocksKeepTheirLines() throws {
        #expect(try rendered("a\n  {% if true %}\nb\n{% endif %}\n") == "a\n  \nb\n\n")
        #expect(try rendered("{{ 1 }}\n") == "1\n")
        #expect(try rendered("a {%- if true -%} b {% endif %}") == "ab ")
    }

    @Test(arguments: [
        "{{ x }}", "{% if x %}a{% endif %}", "{{ x or 1 }}", "{{ x | upper }}",
        "{% for a in x %}{% endfor %}", "{{ x.y }}", "{{ not x }}",
    ])
    func whatIsNotThereIsAMistake(_ source: String) throws {
        #expect(throws: JinjaError.self) { try rendered(source) }
        #expect(try rendered("{{ x | default('d') }}{{ x is defined }}") == "dFalse")
    }

    @Test func patternsAreReplacedAsByPython() throws {
        #expect(
            try rendered(
                #"{{ t | regex_replace('(\\w)-(\\w)', '\\2\\1') }}"#, [("t", .string("a-b c-d"))])
                == "ba dc")
        #expect(
            try rendered(
                "{{ t | regex_replace('[aeiou]', '*', 2) }}", [("t", .string("banana"))])
                == "b*n*na")
        #expect(throws: JinjaError.self) {
            try JinjaTemplate("{{ 'a' | regex_replace('a', 'b') }}").render([])
        }
    }

    @Test func matchesAreThoseOfFindall() throws {
        let pattern = try #require(PythonPattern(#"(-?[$0-9.,]{2,})|(-?[0-9]+)"#))
        #expect(pattern.matches(in: "x 1,200 y 7") == [["1,200", ""], ["", "7"]])
        let plain = try #require(PythonPattern("a.c$"))
        #expect(plain.matches(in: "abc adc\n") == [["adc"]])
        #expect(PythonPattern("(") == nil && PythonPattern("(?P=x)") == nil)
    }
}
