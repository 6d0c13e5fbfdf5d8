import Files
import Jinja
import Testing

/// Templates of prompts, as the environment of lm-evaluation-harness 0.4.13 renders them, and patterns of Python
/// 3.11 (scripts/references/harness_literals.py).
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

    /// Python 3.11's `re.findall`.
    @Test(
        arguments: [
            (#"[[]?([a-z]+)[]]?"#, "[ab] c]", [["ab"], ["c"]]),
            (#"([^[\]]+)"#, "a[b]c", [["a"], ["b"], ["c"]]),
            (#"#[#[]x|(\S+)"#, "#[x ##x #x", [[""], [""], ["#x"]]), (#"[^]a]"#, "]ab", [["b"]]),
            ("[a-z&&e]+", "a&e-", [["a&e"]]), ("[a||b~~c]+", "|~a-", [["|~a"]]),
            ("[+--]+", "+,-.", [["+,-"]]),
            ("[:a:]+", ":b:a", [[":"], [":a"]]), (#"[\w-]+"#, "a-b c", [["a-b"], ["c"]]),
            ("[-a]+", "a-b", [["a-"]]),
            (#"[\b\v\x41\u0042\103]+"#, "\u{8}\u{B}ABCb", [["\u{8}\u{B}ABC"]]),
            (#"[\d.]+"#, "1.5 x", [["1.5"]]),
            (#"[^\W\d_]+"#, "ab1_c", [["ab"], ["c"]]), (#"(\w+)\Z"#, "a b\n", []),
            (#"(\w+)$"#, "a b\n", [["b"]]),
            (#"a\vb"#, "a\nb a\u{B}b", [["a\u{B}b"]]),
            (#"(?x) [ ] \w # [ a class"#, "a b", [[" b"]]),
            (#"(?P<x>\w)\1"#, "abb", [["b"]]), (#"\101[é-ü]"#, "Aê", [["Aê"]]),
        ] as [(String, String, [[String]])])
    func classesAreThoseOfPython(_ source: String, _ text: String, _ expected: [[String]]) throws {
        #expect(try #require(PythonPattern(source)).matches(in: text) == expected)
    }

    @Test(arguments: [
        #"[\w--]"#, "[b-a]", #"[a-\d]"#, "[]", "[a", #"[\h]"#, #"[\8]"#, #"\Q[\E"#, #"\p{L}"#,
        #"\R"#, #"\"#,
    ])
    func whatPythonDoesNotReadIsNoPattern(_ source: String) {
        #expect(PythonPattern(source) == nil)
    }
}
