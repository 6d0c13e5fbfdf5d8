import Datasets
import Foundation
import Templates
import Testing
import TextData

/// Rows that are encoded when they are wanted.
@Suite struct ConversationsStreamTests {
    private let fixtures = ConversationsFixtures()

    private func withStream<Value>(
        rows: Int = 20, buffer: Int, heldOut: Double = 0, wrong: Set<Int> = [],
        _ body: (inout InstructionStream, @escaping (TokenizedExample) -> Int) throws -> Value
    ) throws -> Value {
        let lines = (0..<rows).map {
            wrong.contains($0)
                ? "{\"instruction\": 1}\n" : "{\"instruction\": \"Say\", \"output\": \"\($0)\"}\n"
        }
        return try fixtures.withFolder(["a.jsonl": lines.joined()]) { folder in
            var settings = InstructionSettings(datasets: ["a.jsonl"])
            settings.folder = folder
            settings.heldOut = heldOut
            let tokenizer = try fixtures.tokenizer("llama")
            var stream = try InstructionStream(
                settings, .named("empty"), tokenizer, bufferSize: buffer)
            return try body(&stream) { example in
                Int(tokenizer.decode(example.labels.filter { $0 >= 0 }))!
            }
        }
    }

    @Test func everyRowComesOnceAnEpochInAnotherOrder() throws {
        try withStream(buffer: 8) { stream, number in
            let first = try (0..<20).map { _ in number(try stream.nextExample()) }
            let second = try (0..<20).map { _ in number(try stream.nextExample()) }
            #expect(first.sorted() == Array(0..<20))
            #expect(second.sorted() == Array(0..<20))
            #expect(first != second)
            #expect(stream.position.epoch == 1)
            // A row cannot come before it was in the buffer.
            for (place, row) in first.enumerated() { #expect(row < place + 8) }
        }
    }

    @Test func bufferOfOneKeepsTheFilesOrder() throws {
        try withStream(buffer: 1) { stream, number in
            let all = try (0..<20).map { _ in number(try stream.nextExample()) }
            #expect(all == Array(0..<20))
        }
    }

    @Test func streamGoesOnWhereAnotherStopped() throws {
        try withStream(buffer: 6, wrong: [3, 11]) { stream, number in
            var other = stream
            for _ in 0..<25 { _ = try stream.nextExample() }
            let position = stream.position
            let rest = try (0..<30).map { _ in number(try stream.nextExample()) }
            other.go(to: position)
            let again = try (0..<30).map { _ in number(try other.nextExample()) }
            #expect(again == rest)
        }
    }

    @Test func heldOutRowsNeverCome() throws {
        try withStream(buffer: 6, heldOut: 5) { stream, number in
            let held = try stream.heldOut().map(number)
            let seen = try (0..<45).map { _ in number(try stream.nextExample()) }
            #expect(held.count == 5)
            #expect((held + seen[..<15]).sorted() == Array(0..<20))
            #expect(Set(seen).isDisjoint(with: held))
        }
    }

    @Test func streamOfWrongRowsEnds() throws {
        try withStream(rows: 3, buffer: 2, wrong: [0, 1]) { stream, _ in
            _ = try stream.nextExample()
            _ = try stream.nextExample()
            #expect(stream.report.wrongRows > 0)
        }
        #expect(throws: ConversationError.self) {
            try withStream(rows: 3, buffer: 2, wrong: [0, 1, 2]) { stream, _ in
                _ = try stream.nextExample()
            }
        }
    }
}
