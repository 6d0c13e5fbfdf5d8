import Foundation
import TestSupport
import Testing

/// The instruction sets of examples/finetune/data are what the README says of them.
@Suite struct InstructionExamplesTests {
    private struct Row: Decodable {
        let instruction: String
        let input: String
        let output: String
        let system: String?
        let history: [[String]]?
    }

    private struct Conversation: Decodable {
        struct Message: Decodable {
            let from: String
            let value: String
        }
        let conversations: [Message]
        let tools: String
    }

    private struct Tool: Decodable {
        struct Parameters: Decodable {
            struct Property: Decodable { let type: String }
            let properties: [String: Property]
            let required: [String]
        }
        let name: String
        let parameters: Parameters
    }

    private let folder = References.folder
        .appendingPathComponent("../../examples/finetune/data").standardizedFileURL

    private func read<T: Decodable>(_ type: T.Type, _ name: String) throws -> T {
        try JSONDecoder().decode(
            type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    private func isChinese(_ text: String) -> Bool {
        text.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) }
    }

    @Test func instructionsAreManyDifferentAndInBothLanguages() throws {
        let rows = try read([Row].self, "lockstep_alpaca.json")
        let held = try read([Row].self, "lockstep_demo_eval.json")
        #expect(rows.count >= 300)
        #expect(held.count == 20)
        let instructions = (rows + held).map(\.instruction)
        #expect(Set(instructions).count == instructions.count)
        #expect(rows.allSatisfy { !$0.instruction.isEmpty && !$0.output.isEmpty })
        #expect(rows.allSatisfy { $0.history?.allSatisfy { $0.count == 2 } ?? true })
        #expect(rows.contains { $0.system != nil } && rows.contains { $0.history != nil })
        let share = Double(rows.filter { isChinese($0.instruction) }.count) / Double(rows.count)
        #expect(share > 0.4 && share < 0.6)
    }

    @Test func toolCallsFitTheirTools() throws {
        let rows = try read([Conversation].self, "lockstep_tools.json")
        #expect(rows.count >= 60)
        #expect(Set(rows.map { $0.conversations[0].value }).count == rows.count)
        for row in rows {
            let roles = row.conversations.map(\.from)
            #expect(roles.first == "human" && roles.last == "gpt", "\(roles)")
            let tools = try JSONDecoder().decode([Tool].self, from: Data(row.tools.utf8))
            for (index, message) in row.conversations.enumerated() {
                let allowed =
                    index % 2 == 0 ? ["human", "observation"] : ["gpt", "function_call"]
                #expect(allowed.contains(message.from), "\(roles)")
                #expect(
                    (message.from == "observation")
                        == (index > 0 && roles[index - 1] == "function_call"))
                guard message.from == "function_call" else { continue }
                let value = try JSONSerialization.jsonObject(with: Data(message.value.utf8))
                let calls = try #require(
                    value as? [[String: Any]] ?? [value as? [String: Any] ?? [:]])
                for call in calls {
                    let tool = try #require(tools.first { $0.name == call["name"] as? String })
                    let arguments = try #require(call["arguments"] as? [String: Any])
                    #expect(Set(arguments.keys) == Set(tool.parameters.required))
                    for (name, argument) in arguments {
                        let type = try #require(tool.parameters.properties[name]).type
                        #expect((argument is String) == (type == "string"), "\(name): \(argument)")
                    }
                }
            }
        }
    }
}
