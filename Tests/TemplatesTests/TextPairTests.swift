import Foundation
import Templates
import TestSupport
import Testing
import Tokenizers

/// Texts and their targets as an encoder-decoder reads and writes them, beside transformers' ids
/// (scripts/references/sequence_to_sequence.py).
@Suite struct TextPairTests {
    private struct Reference: Decodable {
        let prefix: String
        let sourceLength, targetLength: Int
        let sources, targets: [[Int32]]

        enum CodingKeys: String, CodingKey {
            case sources, targets
            case prefix = "source_prefix"
            case sourceLength = "max_source_length"
            case targetLength = "max_target_length"
        }
    }

    private struct Row: Decodable { let instruction, input, output: String }

    private static func read<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(
            Value.self,
            from: Data(
                contentsOf: References.folder.appendingPathComponent(
                    "sequence_to_sequence/\(name)")))
    }

    private static func tokenizer() throws -> any Tokenizer {
        try TokenizerFolder.load(
            References.folder.appendingPathComponent("sequence_to_sequence/model").path)
    }

    private static func conversation(
        _ text: String, _ answer: String?, system: String = "", tools: String = ""
    ) -> Conversation {
        Conversation(
            prompt: [ConversationMessage(.user, text)],
            response: answer.map { ConversationMessage(.assistant, $0) }, system: system,
            tools: tools)
    }

    @Test func idsAreThoseOfTransformersAndCutAsTheyAre() throws {
        let reference: Reference = try Self.read("reference.json")
        let rows: [Row] = try Self.read("data/rows.json")
        let encoder = try TextPairFormat(
            prefix: reference.prefix, sourceLimit: reference.sourceLength,
            targetLimit: reference.targetLength
        ).encoder(try Self.tokenizer(), EncodingSettings())
        #expect(rows.count == 16)
        var cut = 0
        for (number, row) in rows.enumerated() {
            let text = [row.instruction, row.input].filter { !$0.isEmpty }.joined(separator: "\n")
            let made = try encoder.example(Self.conversation(text, row.output))
            let (source, target) = (reference.sources[number], reference.targets[number])
            #expect(made.example.ids == source + target)
            #expect(made.example.labels == source.map { _ in -100 } + target)
            #expect(!made.isPromptTruncated, "texts may be longer than what is read")
            cut += made.isTruncated ? 1 : 0
            let prompt = try encoder.promptExample(Self.conversation(text, row.output))
            #expect(prompt.ids == source && prompt.labels == target)
        }
        #expect(cut > 4 && cut < 16)
        #expect(encoder.stopTokens == [1])
    }

    @Test func bothSidesAreAsLongAsCutoffLenUnlessToldOtherwise() throws {
        var settings = EncodingSettings()
        settings.cutoffLength = 6
        let encoder = try TextPairFormat().encoder(try Self.tokenizer(), settings)
        let made = try encoder.example(
            Self.conversation("house tree river", "Haus Baum Fluss Straße")
        ).example
        #expect(made.ids.count == 12 && made.ids[5] == 1 && made.ids[11] == 1)
        #expect(made.labels.prefix(6).allSatisfy { $0 == -100 })
        #expect(try encoder.promptExample(Self.conversation("tree", nil)).labels.isEmpty)
        let empty = try encoder.example(Self.conversation("", "")).example
        #expect(empty.ids == [1, 1] && empty.labels == [-100, 1])
    }

    @Test func whatIsNoTextAndTargetIsRefused() throws {
        let encoder = try TextPairFormat().encoder(try Self.tokenizer(), EncodingSettings())
        let turns = Conversation(
            prompt: ["a", "b", "c"].map { ConversationMessage($0 == "b" ? .assistant : .user, $0) },
            response: ConversationMessage(.assistant, "d"))
        var thought = Self.conversation("a", "b")
        thought.response?.thoughts = "hm"
        var call = Self.conversation("a", "b")
        call.response?.role = .function
        for (conversation, found) in [
            (turns, "3 messages before the answer"),
            (Self.conversation("a", "b", system: "s"), "a system prompt"),
            (Self.conversation("a", "b", tools: "[]"), "tools"),
            (Self.conversation("a", nil), "no answer"), (thought, "thoughts beside the answer"),
            (call, "calls of tools"),
        ] {
            let problem = #expect(throws: RowProblem.self) { try encoder.example(conversation) }
            #expect(problem?.found == found)
        }
    }

    @Test func specialTokensThatLeaveNoRoomAreRefused() throws {
        let tokenizer = try Self.tokenizer()
        #expect(
            throws: TemplateError.setting(
                name: "max_target_length", found: "1",
                expected: "more than the 1 special tokens around a text")
        ) { try TextPairFormat(targetLimit: 1).encoder(tokenizer, EncodingSettings()) }
    }
}
