import Evaluation
import Files
import Foundation
import TestSupport
import Testing

/// Lines of `score`'s input.
@Suite struct ScoreDocumentTests {
    private func read(_ text: String, _ name: String = "a.jsonl") throws -> [ScoreDocument] {
        try ScoreDocument.documents([UInt8](text.utf8), of: name)
    }

    private func message(_ text: String, _ name: String = "a.jsonl") -> String? {
        do {
            _ = try read(text, name)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func textAndIDsAreDocumentsAndEmptyLinesAreNone() throws {
        let documents = try read(
            "{\"text\": \"one\"}\n\n{\"ids\": [7, 8]}\r\n\r\n{\"ids\": []}\n")
        #expect(documents.map(\.line) == [1, 3, 5])
        #expect(documents.map(\.content) == [.text("one"), .ids([7, 8]), .ids([])])
    }

    @Test func eachLineOfATextIsADocumentWhateverEndsIt() throws {
        let lines = try read("\u{FEFF}one\r\n\r\n two \n{\"text\": \"x\"}", "a.txt")
        #expect(
            lines.map(\.content) == [.text("one"), .text(" two "), .text("{\"text\": \"x\"}")])
    }

    @Test func otherColumnsAndWhatScoreItselfWritesChangeNothing() throws {
        let scored =
            "{\"ids\": [1, 2], \"logprobs\": [null, -1.5], \"tokens\": 1, \"nll\": 1.5, "
            + "\"perplexity\": 4.5, \"id\": \"x\", \"meta\": {\"mask\": 0}, \"targets\": null}"
        #expect(try read(scored).map(\.content) == [.ids([1, 2])])
    }

    @Test(arguments: [
        "\"mask\": [1, 1]", "\"attention_mask\": [1, 1]", "\"token_types\": [0, 0]",
        "\"token_type_ids\": [0, 0]",
    ])
    func whatHoldsWithoutAKeyIsHarmless(_ key: String) throws {
        #expect(try read("{\"ids\": [5, 6], \(key)}").map(\.content) == [.ids([5, 6])])
    }

    @Test(arguments: [
        ("\"targets\": [1, 2]", "targets is not used with a decoder; "),
        ("\"labels\": [1, -100]", "labels is not used with a decoder; "),
        ("\"target_ids\": [1]", "target_ids is not used with a decoder; "),
        ("\"target\": \"x\"", "target is not used with a decoder; "),
        ("\"mask\": [1, 0]", "mask is not used with a decoder unless it holds a 1 for each id; "),
        ("\"mask\": [1]", "mask is not used with a decoder unless it holds a 1 for each id; "),
        ("\"mask\": true", "mask is not used with a decoder unless it holds a 1 for each id; "),
        (
            "\"attention_mask\": [0, 1]",
            "attention_mask is not used with a decoder unless it holds a 1 for each id; "
        ),
        (
            "\"token_types\": [0, 1]",
            "token_types is not used with a decoder unless it holds a 0 for each id; "
        ),
        ("\"text\": \"x\"", "both \"text\" and \"ids\" are given; leave one of them out"),
    ])
    func whatWouldChangeTheAnswerIsRefusedByName(_ key: String, _ expected: String) throws {
        let found = try #require(message("{\"text\": \"a\"}\n{\"ids\": [5, 6], \(key)}"))
        #expect(found.hasPrefix("a.jsonl line 2: " + expected), "\(found)")
        #expect(!found.contains("\n"))
    }

    @Test(arguments: [
        ("{\"ids\": [1, 2.0]}", "ids: found 2.0 in the list, expected token ids"),
        ("{\"ids\": [true]}", "ids: found true in the list, expected token ids"),
        ("{\"ids\": [99999999999]}", "ids: found 99999999999 in the list, expected token ids"),
        ("{\"ids\": [\"1\"]}", "ids: found text \"1\" in the list, expected token ids"),
        ("{\"ids\": \"1 2\"}", "ids: found text \"1 2\", expected a list of token ids"),
        ("{\"text\": 5}", "text: found 5, expected a text"),
        ("{\"txt\": \"a\"}", "expected a JSON object with \"text\" or \"ids\""),
        ("[1, 2]", "expected a JSON object with \"text\" or \"ids\""),
        (
            "{\"ids\": [1]",
            "expected a JSON object with \"text\" or \"ids\"; it is no JSON: found the end at byte 11 "
                + "of the JSON, expected ',' or '}'"
        ),
    ])
    func whatIsNoDocumentIsNamedWithItsLine(_ line: String, _ expected: String) {
        #expect(message("{\"ids\": [1]}\n\n" + line) == "a.jsonl line 3: " + expected)
    }

    /// A gzip member (RFC 1952) of one stored block.
    private func gzip(_ text: String) -> Data {
        let bytes = Array(text.utf8)
        func little(_ number: UInt32, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        let length = UInt32(bytes.count)
        var packed: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1]
        packed += little(length, 2)
        packed += little(~length, 2)
        packed += bytes
        packed += little(Zlib.crc32(bytes), 4)
        packed += little(length, 4)
        return Data(packed)
    }

    @Test func aPackedFileIsReadAsWhatItHolds() throws {
        let folder = try TemporaryFolder()
        for (name, text) in [
            ("a.jsonl", "{\"ids\": [1, 2]}\n{\"text\": \"b\"}\n"), ("a.txt", "one\n{}\n"),
        ] {
            let path = folder.path(name + ".gz")
            try gzip(text).write(to: URL(fileURLWithPath: path))
            #expect(try ScoreDocument.read(path) == read(text, name))
        }
        let path = try folder.write("b.jsonl.gz", "{\"ids\": [1]}")
        let error = #expect(throws: EvaluationError.self) { _ = try ScoreDocument.read(path) }
        #expect(
            error?.description
                == "cannot read '\(path)': is not in gzip format; expected a whole gzip stream, so copy "
                + "or download it again; give a .jsonl or .txt file as --input")
    }

    @Test func aFileWithoutDocumentsIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("empty.txt", "\n\r\n")
        let error = #expect(throws: EvaluationError.self) { _ = try ScoreDocument.read(path) }
        #expect(error?.description == "'\(path)' holds no documents")
    }
}
