package import Foundation
package import Tokenizers

/// Reads Tests/References/tokenizers (see the README.md there).
package struct TokenizerFixtures: Sendable {
    package let folder: URL

    package init(folder: String = "tokenizers") {
        self.folder = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("References/\(folder)")
    }

    package func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// Texts as bytes; some are not UTF-8.
    package func texts() throws -> [[UInt8]] {
        try text("lines.txt").split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map { line in
                var bytes: [UInt8] = []
                var rest = Array(line.utf8)[...]
                while let byte = rest.popFirst() {
                    guard byte == UInt8(ascii: "%") else {
                        bytes.append(byte)
                        continue
                    }
                    bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
                    rest = rest.dropFirst(2)
                }
                return bytes
            }
    }

    /// What each kind of tokenizer adds to the shared model.
    package func kinds() throws -> [String: [String: Any]] {
        let data = Data(try text("kinds.json").utf8)
        return try JSONSerialization.jsonObject(with: data) as! [String: [String: Any]]
    }

    /// The tokenizer.json of a kind.
    ///
    /// - Parameter change: changes the parts that stand beside the model.
    package func file(
        _ kind: String, change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> String {
        var front = try kinds()[kind]!
        var model = try text("model.json")
        if let changes = front.removeValue(forKey: "model") as? [String: Bool] {
            for (key, value) in changes {
                model = model.replacingOccurrences(
                    of: "\"\(key)\":\(!value)", with: "\"\(key)\":\(value)")
            }
        }
        front["version"] = "1.0"
        front["decoder"] = ["type": "ByteLevel"]
        change(&front)
        let text = String(
            decoding: try JSONSerialization.data(withJSONObject: front), as: UTF8.self)
        return text.dropLast() + ",\"model\":\(model)}"
    }

    package func tokenizer(_ kind: String) throws -> any Tokenizer {
        try TokenizerFolder.parse(text: file(kind), configuration: nil)
    }

    /// FNV-1a.
    package func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }

    /// Runs `body` with a folder of its own.
    package func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("tokenizers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }
}
