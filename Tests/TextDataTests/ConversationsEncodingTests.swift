import Datasets
import Templates
import Testing
import TextData

/// Ids and labels as LLaMA-Factory's code gives them (Tests/References/conversations).
@Suite struct ConversationsEncodingTests {
    private let fixtures = ConversationsFixtures()

    private func encoder(_ section: ConversationsFixtures.Section) throws -> ConversationEncoder {
        var template = try ChatTemplate.named(section.template)
        if section.variant.hasPrefix("tools-") {
            template = try template.withToolFormat(String(section.variant.dropFirst(6)))
        }
        return try ConversationEncoder(
            template, fixtures.tokenizer(section.tokenizer), fixtures.settings(section.variant))
    }

    @Test func idsAndLabelsOfAllTemplatesEqualLLaMAFactorys() throws {
        let conversations = try fixtures.conversations()
        #expect(conversations.count == 40)
        let sections = try fixtures.sections("encodings.txt")
        let more = try fixtures.sections("more_encodings.txt")
        #expect(Set((sections + more).map(\.template)) == Set(ChatTemplate.table.map(\.name)))
        for section in sections {
            let encoder = try encoder(section)
            #expect(section.rows.count == conversations.count)
            for (row, conversation) in conversations.enumerated() {
                let expected = section.rows[row]
                let place = Comment("\(section.template) \(section.variant) row \(row)")
                // What LLaMA-Factory stops at, a wrong row here, stands there as its message.
                guard expected.first?.isNumber == true else {
                    #expect(throws: RowProblem.self, place) { try encoder.example(conversation) }
                    continue
                }
                let example = try encoder.example(conversation).example
                #expect(fixtures.summary(example.ids, example.labels) == expected, place)
            }
        }
    }

    @Test func idsAndLabelsOfTemplatesWithOneLineEachEqualLLaMAFactorys() throws {
        let conversations = try fixtures.conversations()
        for section in try fixtures.sections("more_encodings.txt") {
            let encoder = try encoder(section)
            let hashes = section.rows[0].split(separator: " ")
            #expect(hashes.count == conversations.count)
            for (row, conversation) in conversations.enumerated() {
                let place = Comment("\(section.template) \(section.variant) row \(row)")
                if hashes[row] == "." { continue }
                guard hashes[row] != "-" else {
                    #expect(throws: RowProblem.self, place) { try encoder.example(conversation) }
                    continue
                }
                let example = try encoder.example(conversation).example
                let numbers = [Int32(example.ids.count)] + example.ids + example.labels
                #expect(fixtures.hexadecimal(fixtures.hash(numbers)) == hashes[row], place)
            }
        }
    }

    @Test func promptsAndReferencesEqualLLaMAFactorys() throws {
        let conversations = try fixtures.conversations()
        for section in try fixtures.sections("prompts.txt") {
            var settings = fixtures.settings(section.variant)
            settings.cutoffLength = 256
            let encoder = try ConversationEncoder(
                .named(section.template), fixtures.tokenizer(section.tokenizer), settings)
            for (row, conversation) in conversations.enumerated() {
                let expected = section.rows[row]
                let place = Comment("\(section.template) \(section.variant) row \(row)")
                guard expected.first?.isNumber == true else {
                    #expect(throws: RowProblem.self, place) {
                        try encoder.promptExample(conversation)
                    }
                    continue
                }
                let example = try encoder.promptExample(conversation)
                #expect(fixtures.summary(example.ids, example.labels) == expected, place)
            }
        }
    }

    @Test func idsOfAFewRowsEqualLLaMAFactorysOneByOne() throws {
        let conversations = try fixtures.conversations()
        let rows = try fixtures.details()["rows"] as! [String: [String: Any]]
        for (name, examples) in rows {
            let encoder = try ConversationEncoder(
                .named(name), fixtures.tokenizer("llama"), fixtures.settings("plain"))
            for (row, expected) in examples {
                guard let lists = expected as? [[Int32]] else { continue }
                let example = try encoder.example(conversations[Int(row)!]).example
                #expect(example.ids == lists[0])
                #expect(example.labels == lists[1])
            }
        }
    }

    @Test func firstExampleIsPrintedAsLLaMAFactoryPrintsIt() throws {
        var settings = InstructionSettings(datasets: ["alpaca"])
        settings.folder = fixtures.folder.path
        let tokenizer = try fixtures.tokenizer("llama")
        let dataset = try InstructionDataset(settings, .named("qwen"), tokenizer)
        let printed = try fixtures.details()["printed"] as! String
        #expect(
            dataset.training[0].description("training example", tokenizer: tokenizer) + "\n"
                == "training example:\n" + printed)
    }
}
