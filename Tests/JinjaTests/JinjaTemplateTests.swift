import Files
import Foundation
import Jinja
import Testing

@Suite struct JinjaTemplateTests {
    private let references = JinjaReferences()

    /// The text of a template, or the error's line.
    private func outcome(_ template: String, _ values: [JSONValue.Member]) -> String {
        do {
            return try JinjaTemplate(template).render(values, clock: JinjaReferences.clock).text
        } catch {
            return "error: \(error)"
        }
    }

    /// Snippets that are refused by name although Jinja takes them.
    private let refused = [
        "recursive", "groupby", "urlencode", "cycler", "{% block", "'%10000000000s'", "e|upper",
    ]

    @Test func snippetsGiveTheTextsOfTransformers() throws {
        let json = try references.json("snippets.json")
        let values = try #require(json["values"]?.members)
        let snippets = try #require(json["snippets"]?.array)
        #expect(snippets.count > 150)
        for snippet in snippets {
            let template = try #require(snippet.array?[0].string)
            let found = outcome(template, values)
            if let expected = snippet.array?[1].string {
                if found.hasSuffix("is not supported") {
                    #expect(refused.contains { template.contains($0) }, "\(template): \(found)")
                } else {
                    #expect(
                        found.utf8.elementsEqual(expected.utf8),
                        "\(template.prefix(300)): found \(found.prefix(400)), expected \(expected)")
                }
            } else {
                #expect(
                    found.hasPrefix("error: line "), "\(template.prefix(200)): \(found.prefix(200))"
                )
            }
        }
    }

    @Test func modelTemplatesGiveTheTextsOfTransformers() throws {
        let conversations = try references.conversations()
        var templates: [String: JinjaTemplate] = [:]
        let rows = try references.text("renderings.txt").split(separator: "\n")
        #expect(rows.count == 360)
        for row in rows {
            let words = row.split(separator: " ").map(String.init)
            let template = try templates[words[0]] ?? references.template(words[0])
            templates[words[0]] = template
            let variables = JinjaReferences.variables(conversations[Int(words[1])!])
            var found: String
            do {
                let text = try template.render(variables, clock: JinjaReferences.clock).text
                found = "\(text.utf8.count) \(JinjaReferences.fnv(text.utf8))"
            } catch {
                found = "error"
            }
            #expect(found == words[2...].prefix(2).joined(separator: " "), "\(row)")
        }
    }

    @Test func someTextsEqualTransformersInFull() throws {
        let conversations = try references.conversations()
        let texts = try #require(try references.json("texts.json").members)
        #expect(texts.count > 40)
        for text in texts {
            let words = text.key.split(separator: " ").map(String.init)
            let rendering = try references.template(words[0]).render(
                JinjaReferences.variables(conversations[Int(words[1])!]),
                clock: JinjaReferences.clock)
            #expect(rendering.text == text.value.string, "\(text.key)")
        }
    }

    @Test func generationBlocksTellWhatTheAssistantWrites() throws {
        let rendering = try references.template("chatml_generation").render(
            JinjaReferences.variables(try references.conversations()[3]))
        let spans = rendering.generated.map { span in
            String(decoding: Array(rendering.text.utf8)[span], as: UTF8.self)
        }
        #expect(spans == ["Good morrow.<|im_end|>", "Fare thee well.<|im_end|>"])
    }

    @Test func aGenerationBlockWhoseTextBecomesAValueIsSaidToBeLost() throws {
        let template = try JinjaTemplate(
            "{% set x %}{% generation %}a{% endgeneration %}{% endset %}b{{ x }}")
        let rendering = try template.render([])
        #expect(rendering.text == "ba")
        #expect(rendering.generated.isEmpty)
        #expect(rendering.lostGenerated)
    }

    @Test(arguments: [
        ("a\n{{ x | nofilter }}", "line 2: there is no filter 'nofilter'"),
        ("{{ x }}\n\n{{ x is nope }}", "line 3: there is no test 'nope'"),
        ("{% set a = [1,\n2] | xmlattr %}", "line 2: the filter 'xmlattr' is not supported"),
        ("a\nb{% include 'c' %}", "line 2: the tag 'include' is not supported"),
        ("{% for x in y recursive %}{% endfor %}", "line 1: a recursive loop is not supported"),
        ("\n{% if x %}a", "line 2: the template ends before '{% endif %}'"),
        ("{{ f(*x) }}", "line 1: a call with '*' is not supported"),
        ("{% foo %}", "line 1: unknown tag 'foo'"),
        ("{{ a b }}", "line 1: expected '}}', found 'b'"),
        ("{{ 'a' }", "line 1: unexpected '}'"),
    ])
    func aMistakeIsNamedWithItsLine(_ source: String, _ line: String) {
        #expect(outcome(source, []) == "error: \(line)")
    }

    @Test(arguments: [
        (
            "{{ x.y }}",
            "line 1: 'x' is undefined, and '.y' is asked of it"
        ),
        ("\n{{ m.a.b }}", "line 2: a dict has no 'a', and '.b' is asked of it"),
        ("{{ 'a' + 1 }}", "line 1: '+' is not defined for str and int"),
        (
            "a\n\n{{ raise_exception('No system') }}",
            "line 3: the template refuses the conversation: No system"
        ),
        ("{{ strftime_now('%H') }}", "line 1: '%H' in 'strftime_now' is not supported"),
        (
            "{{ m.pop() }}",
            "line 1: '.pop' would change a dictionary, which templates may not, and it is called"
        ),
        ("{{ lipsum() }}", "line 1: 'lipsum' is not supported"),
        ("{{ 'x'.encode() }}", "line 1: '.encode' of text is not supported"),
        ("{{ 2 ** 64 }}", "line 1: an integer of more than 64 bits is not supported"),
        ("{{ ('<'|e) + 'x' }}", "line 1: '+' with escaped text is not supported"),
    ])
    func whatCannotBeRenderedIsNamedWithItsLine(_ source: String, _ line: String) {
        #expect(outcome(source, [("m", .object([]))]) == "error: \(line)")
    }

    @Test func datesAreWrittenAsStrftimeWritesThem() {
        let format = "%d %b %Y|%B %-d|%A %a|%j|%y-%m-%e|%F|%D|%%|%h"
        #expect(
            outcome("{{ strftime_now('\(format)') }}", [])
                == "02 Jan 2026|January 2|Friday Fri|002|26-01- 2|2026-01-02|01/02/26|%|Jan")
        var clock = JinjaClock(year: 2024, month: 12, day: 31)
        clock.time = JinjaClock.Time(hour: 0, minute: 5, second: 9)
        let template = try? JinjaTemplate("{{ strftime_now('%H %I %M %S %p %j %T %R') }}")
        #expect(
            (try? template?.render([], clock: clock))?.text == "00 12 05 09 AM 366 00:05:09 00:05")
    }
}
