import Files
import Foundation
import Jinja

/// Reads Tests/References/jinja: templates, conversations and what transformers makes of them.
struct JinjaReferences {
    let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("References/jinja")

    func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    func json(_ name: String) throws -> JSONValue { try JSONValueReader.read(try text(name)) }

    func template(_ name: String) throws -> JinjaTemplate {
        try JinjaTemplate(try text("templates/\(name).jinja"))
    }

    func conversations() throws -> [JSONValue] {
        try text("conversations.jsonl").split(separator: "\n").map {
            try JSONValueReader.read(String($0))
        }
    }

    /// The values that transformers hands to a template for a conversation.
    static func variables(_ conversation: JSONValue) -> [JSONValue.Member] {
        var variables: [JSONValue.Member] = [
            ("bos_token", .string("<s>")), ("eos_token", .string("<|endoftext|>")),
            ("tools", .null), ("documents", .null),
        ]
        for member in conversation.members ?? [] {
            guard member.key == "messages" else {
                variables.removeAll { $0.key == member.key }
                variables.append(member)
                continue
            }
            let messages = (member.value.array ?? []).map { message -> JSONValue in
                guard let thoughts = message["reasoning_content"] else { return message }
                return .object([(key: "thinking", value: thoughts)] + (message.members ?? []))
            }
            variables.append(("messages", .array(messages)))
        }
        return variables
    }

    /// FNV-1a, 64 bits, in hexadecimal.
    static func fnv(_ bytes: some Sequence<UInt8>) -> String {
        let value = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static let clock = JinjaClock(year: 2026, month: 1, day: 2)
}
