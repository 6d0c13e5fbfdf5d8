import Foundation
import TestSupport
import Testing
import TextData

@Suite struct CorpusTextTests {
    private let folder = TestFolder()

    private struct CleaningCase: Decodable {
        let bytes: String
        let text: String

        var data: [UInt8] {
            stride(from: 0, to: bytes.count, by: 2).map { offset in
                let start = bytes.index(bytes.startIndex, offsetBy: offset)
                return UInt8(bytes[start..<bytes.index(start, offsetBy: 2)], radix: 16)!
            }
        }
    }

    private func decode<T: Decodable>(_ name: String) throws -> T {
        try JSONDecoder().decode(T.self, from: Data(readBytes(reference(name))))
    }

    @Test("Cleaning gives what Python's decoder and character categories give")
    func cleaningEqualsPython() throws {
        let cases: [CleaningCase] = try decode("cleaning.json")
        #expect(cases.count > 70)
        for (index, example) in cases.enumerated() {
            folder.write("in/\(1000 + index).txt", example.data)
        }
        let manifest = try prepare([folder("in")], to: folder("out"))
        // String's == takes canonical equivalents for equal; bytes do not.
        #expect(
            try documents(folder("out")).map { Array($0.utf8) } == cases.map { Array($0.text.utf8) }
        )
        #expect(manifest.totals.replacedSequences > 50)
        #expect(manifest.totals.removedCharacters > 20)
    }

    @Test("What was changed and dropped is counted")
    func changesAreCounted() throws {
        folder.write("in/a.txt", Array("ab\u{0}c\u{1}\r\n".utf8) + [0xFF, 0xE4, 0xB8, 0x20])
        folder.write("in/b.txt", "1234 ... 56\n")
        folder.write("in/c.txt", "\u{0}\u{0}\r\n")
        folder.write("in/d.txt", "123 ж")
        let totals = try prepare([folder("in")], to: folder("out")).totals
        #expect(totals.documents == 2)
        #expect(totals.droppedDocuments == 2)
        #expect(totals.replacedSequences == 2)
        #expect(totals.removedCharacters == 4)
        #expect(totals.textBytes == "abc\n\u{FFFD}\u{FFFD} ".utf8.count + 6)
        #expect(totals.tokens == totals.textBytes + 2)
        #expect(try documents(folder("out")) == ["abc\n\u{FFFD}\u{FFFD} ", "123 ж"])
    }

    @Test("A byte order mark of UTF-8 is dropped, UTF-16 is refused")
    func byteOrderMarks() throws {
        folder.write("in/a.txt", [0xEF, 0xBB, 0xBF] + Array("text".utf8))
        folder.write("in/b.jsonl", [0xEF, 0xBB, 0xBF] + Array("{\"text\": \"line\"}".utf8))
        try prepare([folder("in")], to: folder("out"))
        #expect(try documents(folder("out")) == ["text", "line"])
        let wide = folder.write("wide.txt", [0xFF, 0xFE, 0x61, 0x00])
        #expect(
            corpusError { () throws(CorpusError) in try prepare([wide], to: folder("out2")) }
                == .utf16(file: wide))
    }

    @Test("JSON Lines and JSON arrays give what Python's json finds", arguments: ["jsonl", "json"])
    func recordsEqualPython(ending: String) throws {
        let texts: [String] = try decode("records-texts.json")
        for pieceBytes in [64, 1000, 1 << 20] {
            let output = folder("out-\(pieceBytes)")
            try prepare([reference("records.\(ending)")], to: output) { $0.pieceBytes = pieceBytes }
            #expect(try documents(output).map { Array($0.utf8) } == texts.map { Array($0.utf8) })
        }
    }

    @Test("JSON objects one after another are read from a .json file")
    func objectsWithoutArray() throws {
        let path = folder.write("a.json", "{\"text\": \"a\"}\n{\"text\":\n \"b\"} {\"text\":\"c\"}")
        try prepare([path], to: folder("out"))
        #expect(try documents(folder("out")) == ["a", "b", "c"])
    }

    @Test("Another field can hold the text")
    func fieldCanBeSet() throws {
        let path = folder.write("a.jsonl", "{\"text\": 1, \"content\": \"this\"}\n")
        try prepare([path], to: folder("out")) { $0.textField = "content" }
        #expect(try documents(folder("out")) == ["this"])
    }

    @Test(
        "A bad line is an error naming file and line",
        arguments: [
            ("{\"id\": 1, \"body\": \"x\"}", "no field \"text\" (fields found: id, body)"),
            ("{}", "fields found: none"),
            ("{\"text\": 12}", "field \"text\" is a number, a string expected"),
            ("{\"text\": null}", "is null"),
            ("{\"text\": \"cut off", "does not end"),
            ("{\"text\": \"a\"", "the end found at byte 13"),
            ("{\"text\": \"a\"} {\"text\": \"b\"}", "more than one JSON value"),
            ("{\"text\": \"a\", \"n\": 01}", "a value expected"),
            ("{\"text\": \"a\", \"n\": tru}", "a value expected"),
            ("{\"text\": \"a\",}", "a string expected"),
            ("{\"text\": \"\\q\"}", "is not JSON"),
            ("{\"text\": \"\\u12\"}", "four hexadecimal digits"),
            ("[\"text\"]", "an array found, a JSON object expected"),
            ("plain words", "\"p\" found, a JSON object expected"),
        ])
    func badLine(line: String, message: String) {
        let good = String(repeating: "{\"text\": \"good line\"}\n", count: 200)
        let path = folder.write("bad.jsonl", good + line + "\n" + good + "also bad\n")
        for (threads, unitBytes) in [(1, 1 << 20), (3, 700)] {
            let error = corpusError { () throws(CorpusError) in
                try prepare([path], to: folder("out")) {
                    $0.threads = threads
                    $0.unitBytes = unitBytes
                    $0.pieceBytes = 100
                }
            }
            let text = error.map { "\($0)" } ?? "no error"
            #expect(text.contains("\(path), line 201: "))
            #expect(text.contains(message), "\(text)")
        }
    }

    @Test(
        "A bad JSON file is an error naming file and record",
        arguments: [
            ("[{\"text\": \"a\"}, {\"text\": \"b\"", "record 2: the file ends inside"),
            ("[{\"text\": \"a\"}, 5]", "record 2: something other than an object"),
            ("[{\"text\": \"a\"}, {\"text\": 5}]", "record 2: field \"text\" is a number"),
            ("[{\"text\": \"a\"}] {\"text\": \"b\"}", "record 2: something other"),
            ("\"text\"", "record 1: something other"),
            ("[{\"text\": \"a\"}", "record 2: the file ends inside"),
        ])
    func badJSONFile(content: String, message: String) {
        let path = folder.write("bad.json", content)
        let error = corpusError { () throws(CorpusError) in try prepare([path], to: folder("out")) }
        let text = error.map { "\($0)" } ?? "no error"
        #expect(text.contains("\(path), \(message)"), "\(text)")
    }

    @Test("A long text is one document, cut between lines, and loses nothing")
    func longTextIsOneDocument() throws {
        let original = String(decoding: readBytes(reference("story.txt")), as: UTF8.self)
        let lines = original.split(separator: "\n", omittingEmptySubsequences: false)
        // Each piece is marked, so that the cuts can be seen.
        let marking = TokenEncoder(endOfText: 256, vocabularySize: 300, tokenizerHash: 1) {
            [299] + $0.map { Int32($0) }
        }
        try prepare([reference("story.txt")], to: folder("out"), ranks: 2, encoder: marking) {
            $0.pieceBytes = 700
            $0.unitBytes = 5000
        }
        let tokens = try allTokens(folder("out"), vocabularySize: 300)
        #expect(tokens.filter { $0 == 256 }.count == 1)
        #expect(tokens.last == 256)
        let pieces = tokens.dropLast().split(separator: 299).map {
            String(decoding: $0.map { UInt8($0) }, as: UTF8.self)
        }
        #expect(pieces.joined() == original)
        #expect(pieces.count > original.utf8.count / 700)
        #expect(pieces.dropLast().allSatisfy { $0.hasSuffix("\n") })
        #expect(pieces.allSatisfy { lines.contains($0.split(separator: "\n")[0]) })
    }

    @Test("Text without lines is cut before a space, and without spaces between characters")
    func textWithoutLines() throws {
        let words = String(repeating: "word and others ", count: 300) + "end"
        let characters = String(repeating: "中文字", count: 500)
        for (name, text) in [("words", words), ("characters", characters)] {
            let path = folder.write("\(name).txt", text)
            let marking = TokenEncoder(endOfText: 256, vocabularySize: 300, tokenizerHash: 1) {
                [299] + $0.map { Int32($0) }
            }
            try prepare([path], to: folder(name), encoder: marking) {
                $0.pieceBytes = 100
                $0.unitBytes = 1000
            }
            let tokens = try allTokens(folder(name), vocabularySize: 300)
            let pieces = tokens.dropLast().split(separator: 299).map { $0.map { UInt8($0) } }
            #expect(pieces.count > text.utf8.count / 101)
            #expect(pieces.allSatisfy { String(validating: $0, as: UTF8.self) != nil })
            #expect(pieces.joined().elementsEqual(text.utf8))
            if name == "words" { #expect(pieces.dropFirst().allSatisfy { $0[0] == 0x20 }) }
        }
    }
}
