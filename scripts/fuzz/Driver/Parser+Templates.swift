import Files
import Foundation
import Jinja

extension Parser {
    /// What the templates are rendered with: a plain conversation, which every template takes, and one
    /// with calls of tools.
    private static let conversations: [[JSONValue.Member]] = {
        let path = "Tests/References/jinja/conversations.jsonl"
        let lines = (FileManager.default.contents(atPath: path).map(Array.init) ?? [])
            .split(separator: UInt8(ascii: "\n"))
        return [0, 9].map { index in
            let members = (try? JSONValueReader.read(lines[index]))?.members ?? []
            return members + [(key: "bos_token", value: .string("<s>"))]
        }
    }()

    static let templates = [
        Parser(
            name: "chat_template.jinja",
            seeds: [
                "chatml_default", "llama3_date", "mistral_tools", "qwen_thoughts", "deepseek3",
                "command_r_tools", "granite", "glm_thoughts", "harmony", "hermes_macros", "exaone",
            ].map { "Tests/References/jinja/templates/\($0).jinja" },
            words: [
                "{%", "%}", "{{", "}}", "{#", "#}", "{%-", "-%}", "{% for x in messages %}",
                "{% endfor %}", "{% if x %}", "{% endif %}", "{% set x = x ~ x %}", "range(100000)",
                "* 1000000", "x|tojson(indent=60)", "|list", "|batch(1)", ".split('')", "[::-1]",
                "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "namespace(x=x)", "((((((((",
                "[[[[[[[[", "{% set ns.x = [ns.x] %}", "|replace('', 'aaaaaaaa')", "** 9", "'",
                "\"",
                "|sort(attribute='role')", "|map(attribute='content')", "{% call f() %}",
                "{% endcall %}", "{% raw %}", "{% endraw %}", "{% generation %}", "loop.index",
                "'%1000s' % x", "'{:>1000}'.format(x)", "\\", "9223372036854775807", "-1",
            ]
        ) { bytes, _ in
            guard let template = try? JinjaTemplate(text(bytes)) else { return false }
            let clock = JinjaClock(year: 2026, month: 1, day: 2)
            return conversations.map { conversation in
                isRead { _ = try template.render(conversation, clock: clock) }
            }.contains(true)
        }
    ]
}
