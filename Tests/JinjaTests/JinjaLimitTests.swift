import Files
import Jinja
import Testing

/// Templates that would take all time or memory end with a line.
@Suite struct JinjaLimitTests {
    @Test(arguments: [
        "{{ 'a' * 1000000000 }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(1000000) %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('aaaaaaaaaaaaaaaa') }}",
        "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}"
            + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}"
            + "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(5000) %}"
            + "{% set ns.x = ns.x|batch(1)|list %}{% endfor %}",
        "{{ [0] * 100000000000 }}", "{{ 'x'.center(100000000000) }}",
        "{{ 'x'|indent(100000000000, true) }}", "{{ [1]|batch(100000000000, 0)|list }}",
        "{{ [1]|slice(100000000000)|list }}", "{{ 'aaaa'.replace('', 'b' * 20000000) }}",
        "{{ ('a,' * 4000000).split(',')|length }}",
        "{{ [['a' * 100] * 1000] * 1000 }}",
        "{% set x = range(1000)|list %}{{ ([x] * 1000)|tojson(indent=60) }}",
    ])
    func hostileTemplateEndsWithALine(_ source: String) {
        var line = ""
        do {
            _ = try JinjaTemplate(source).render([])
        } catch {
            line = "\(error)"
        }
        #expect(line.hasPrefix("line 1: "), "\(source): \(line)")
    }

    @Test(arguments: [
        String(repeating: "(", count: 10_000), String(repeating: "[", count: 10_000),
        String(repeating: "-", count: 10_000), String(repeating: "not ", count: 10_000),
        String(repeating: "1 + ", count: 10_000), String(repeating: "1 if ", count: 10_000),
        String(repeating: "{1: ", count: 10_000), String(repeating: "x(", count: 10_000),
    ])
    func deepExpressionIsRefused(_ start: String) {
        #expect(throws: JinjaError.self) { try JinjaTemplate("{{ \(start)1 }}") }
    }

    @Test(arguments: [
        String(repeating: ".a", count: 10_000), String(repeating: "|upper", count: 10_000),
        String(repeating: "[0]", count: 10_000), String(repeating: " ~ 1 + 1", count: 10_000),
        String(repeating: "()", count: 10_000), String(repeating: " is defined", count: 10_000),
    ])
    func longChainIsRefused(_ end: String) {
        #expect(throws: JinjaError.self) { try JinjaTemplate("{{ x\(end) }}") }
    }

    @Test func deepTagsAreRefused() {
        let source = String(repeating: "{% if x %}", count: 10_000)
        #expect(throws: JinjaError.self) { try JinjaTemplate(source) }
        let loops = String(repeating: "{% for a in b %}", count: 10_000)
        #expect(throws: JinjaError.self) { try JinjaTemplate(loops) }
    }

    @Test func hugeTemplateIsRefused() {
        let source = String(repeating: "a", count: JinjaTemplate.longestSource + 1)
        #expect(throws: JinjaError.self) { try JinjaTemplate(source) }
    }

    @Test func longConversationIsRendered() throws {
        let content = String(repeating: "long text ", count: 1000)
        let messages = (0..<400).map { number in
            JSONValue.object([
                ("role", .string(number % 2 == 0 ? "user" : "assistant")),
                ("content", .string(content)),
            ])
        }
        let template = try JinjaReferences().template("qwen_thoughts")
        let rendering = try template.render([
            ("messages", .array(messages)), ("tools", .null),
            ("add_generation_prompt", .bool(true)),
        ])
        #expect(rendering.text.utf8.count > 4_000_000)
    }

    /// The tokens of a template put together anyhow are read, or refused, but never end the
    /// process.
    @Test func scrambledTemplatesDoNoHarm() throws {
        let references = JinjaReferences()
        let conversation = JinjaReferences.variables(try references.conversations()[9])
        var seed: UInt64 = 1
        func random(_ below: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % below
        }
        for name in ["harmony", "exaone", "mistral_tools", "hermes_macros"] {
            let bytes = Array(try references.text("templates/\(name).jinja").utf8)
            for _ in 0..<40 {
                var changed = bytes
                for _ in 0...random(4) {
                    let place = random(changed.count)
                    switch random(3) {
                    case 0: changed.remove(at: place)
                    case 1: changed[place] = changed[random(changed.count)]
                    default:
                        let end = min(changed.count, place + random(40))
                        changed.insert(contentsOf: changed[place..<end], at: random(changed.count))
                    }
                }
                let source = String(decoding: changed, as: UTF8.self)
                do {
                    _ = try JinjaTemplate(source).render(conversation, clock: JinjaReferences.clock)
                } catch {
                    #expect("\(error)".hasPrefix("line "))
                }
            }
        }
    }
}
