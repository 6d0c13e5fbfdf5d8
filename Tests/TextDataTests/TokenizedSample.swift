import Datasets
import Foundation
import Templates
import TextData
import Tokenizers

/// Datasets in a folder, and what is kept of them.
struct TokenizedSample {
    private let fixtures = ConversationsFixtures()

    /// Runs `body` in a folder with a.json, whose last row is wrong, b.json and c.json.
    func withFolder(_ body: (String) throws -> Void) throws {
        try fixtures.withFolder([:]) { folder in
            try write(folder, "a.json", rows: 11, text: "Question")
            var text = try String(contentsOfFile: folder + "/a.json", encoding: .utf8)
            text = text.dropLast() + #", {"instruction": 7}]"#
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/a.json"))
            try write(folder, "b.json", rows: 7, text: "What about")
            try write(folder, "c.json", rows: 6, text: "And then a longer question of")
            try body(folder)
        }
    }

    func write(_ folder: String, _ name: String, rows: Int, text: String) throws {
        let rows = (0..<rows).map { number in
            [
                "instruction": "\(text) \(number)?",
                "output": String(repeating: "Answer ", count: 1 + number % 3) + "\(number).",
            ]
        }
        let data = try JSONSerialization.data(withJSONObject: rows, options: .sortedKeys)
        try data.write(to: URL(fileURLWithPath: folder + "/" + name))
    }

    func settings(_ folder: String) -> InstructionSettings {
        var settings = InstructionSettings(datasets: ["a.json"])
        settings.folder = folder
        settings.encoding.cutoffLength = 64
        settings.encoding.date = "02 Jan 2026"
        return settings
    }

    func tokenizer() throws -> any Tokenizer { try fixtures.tokenizer("llama") }

    func rows(_ settings: InstructionSettings) throws -> InstructionRows {
        try InstructionRows(settings, .named("chatml"), tokenizer())
    }

    /// Writes the examples of a folder's datasets to `kept`, and opens them.
    func keep(
        _ settings: InstructionSettings, _ folder: String, template: String = "chatml"
    ) throws -> TokenizedFile? {
        let rows = try InstructionRows(settings, .named(template), tokenizer())
        let dataset = try InstructionDataset(rows, rows.encoded(0..<rows.count))
        try TokenizedFile.write(dataset, of: rows, to: folder + "/kept")
        return try open(folder)
    }

    func open(_ folder: String, idsBelow limit: Int = 100_000) throws -> TokenizedFile? {
        try TokenizedFile.open(in: folder + "/kept", idsBelow: limit)
    }

    /// Why the examples are not those of a run; `nil` where they are.
    func problem(
        _ file: TokenizedFile, _ settings: InstructionSettings, _ format: ChatTemplate? = nil
    ) throws -> String? {
        let template = try format ?? .named("chatml")
        let tokenizer = try tokenizer()
        let encoder = try template.encoder(tokenizer, settings.encoding)
        do throws(ConversationError) {
            try file.check(settings, encoder)
            return nil
        } catch {
            return error.description
        }
    }
}
