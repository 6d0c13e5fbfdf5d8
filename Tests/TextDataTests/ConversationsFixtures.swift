import Datasets
import Foundation
import Templates
import TextData
import Tokenizers

/// Reads Tests/References/conversations: rows, tokenizers and what LLaMA-Factory makes of them.
struct ConversationsFixtures {
    let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("References/conversations")

    func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    func details() throws -> [String: Any] {
        let data = Data(try text("details.json").utf8)
        return try JSONSerialization.jsonObject(with: data) as! [String: Any]
    }

    func tokenizer(_ name: String) throws -> any Tokenizer {
        try TokenizerFolder.load(folder.appendingPathComponent(name).path)
    }

    /// Rows of the three files, in order.
    func conversations() throws -> [Conversation] {
        let catalog = try DatasetCatalog(folder.path)
        let entries = try ["alpaca", "sharegpt", "openai"].map { try catalog.entry($0) }
        let rows = try DatasetRows(entries)
        return try rows.datasets.indices.flatMap { dataset in
            try (0..<rows.datasets[dataset].rowCount).map {
                try rows.conversation(.init(dataset: Int32(dataset), row: Int32($0)))
            }
        }
    }

    /// One case of encodings.txt or prompts.txt.
    struct Section {
        let template: String
        let tokenizer: String
        let variant: String
        var rows: [Substring] = []
    }

    func sections(_ name: String) throws -> [Section] {
        var sections: [Section] = []
        for line in try text(name).split(separator: "\n") {
            if line.hasPrefix("# ") {
                let words = line.split(separator: " ").map(String.init)
                sections.append(
                    Section(template: words[1], tokenizer: words[2], variant: words[3]))
            } else {
                sections[sections.count - 1].rows.append(line)
            }
        }
        return sections
    }

    /// The settings that scripts/references/templates.py calls by a name.
    func settings(_ variant: String) -> EncodingSettings {
        var settings = EncodingSettings()
        settings.date = "02 Jan 2026"
        switch variant {
        case "short": settings.cutoffLength = 48
        case "last":
            settings.masksHistory = true
            settings.cutoffLength = 96
        case "prompts": settings.trainsOnPrompt = true
        case "nothink": settings.enableThinking = false
        case "open": settings.enableThinking = nil
        case "kept":
            settings.masksHistory = true
            settings.preservesThinking = true
        case "last_nothink":
            settings.masksHistory = true
            settings.enableThinking = false
        default: break
        }
        return settings
    }

    /// The low 32 bits of FNV-1a over numbers as four bytes each.
    func hash(_ numbers: [Int32]) -> UInt32 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for number in numbers {
            for shift in [0, 8, 16, 24] {
                let byte = UInt64(UInt32(bitPattern: number) >> UInt32(shift) & 255)
                value = (value ^ byte) &* 0x0000_0100_0000_01b3
            }
        }
        return UInt32(truncatingIfNeeded: value)
    }

    func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// A row as the reference files write it.
    func summary(_ ids: [Int32], _ labels: [Int32]) -> String {
        return "\(ids.count) \(hexadecimal(hash(ids))) \(hexadecimal(hash(labels)))"
    }

    /// Runs `body` with a folder of its own, and files in it.
    func withFolder<Value>(_ files: [String: String], _ body: (String) throws -> Value) throws
        -> Value
    {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("conversations-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            try Data(text.utf8).write(to: folder.appendingPathComponent(name))
        }
        return try body(folder.path)
    }
}
