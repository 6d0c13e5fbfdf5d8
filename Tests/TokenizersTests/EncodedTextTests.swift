import Files
import Foundation
import Testing
import Tokenizers

private let fixtures = BertFixtures()

@Suite struct EncodedTextTests {
    private static let reference =
        try! JSONValue.read(BertFixtures.shared.text("pairs.json"), file: "pairs.json")
    static let names = (reference["processors"]?.array ?? []).compactMap { $0["name"]?.string }

    private func entry(_ name: String) throws -> JSONValue {
        try #require(Self.reference["processors"]?.array?.first { $0["name"]?.string == name })
    }

    private func tokenizer(_ processor: JSONValue) throws -> any Tokenizer {
        try fixtures.tokenizer("uncased") { file in
            file = file.setting("post_processor", to: processor)
        }
    }

    private func numbers(_ value: JSONValue?) -> [Int] {
        (value?.array ?? []).compactMap(\.integer)
    }

    private func truncation(_ limit: JSONValue?) throws -> Truncation? {
        guard let parts = limit?.array, parts.count == 3 else { return nil }
        return Truncation(
            try #require(Truncation.Strategy(rawValue: parts[0].string ?? "")),
            maxLength: try #require(parts[1].integer), cutsLeft: parts[2].string == "left")
    }

    /// Ids, types and special masks of pairs, whole and cut, equal Hugging Face's.
    @Test(arguments: names) func pairsEqualHuggingFace(_ name: String) throws {
        let entry = try entry(name)
        let tokenizer = try tokenizer(entry["post_processor"] ?? .null)
        let texts = Self.reference["texts"]?.array ?? []
        var count = 0
        for row in entry["cases"]?.array ?? [] {
            let fields = try #require(row.array)
            let place = try #require(fields[0].integer)
            let pair = try #require(texts[place].array)
            let first = try #require(pair[0].string)
            let limit = try truncation(fields[1])
            let encoded = try? tokenizer.encode(
                first, pair: pair[1].string, addSpecialTokens: fields[2].bool == true,
                truncation: limit)
            let expected = fields[3].array
            #expect((encoded == nil) == (expected == nil), "\(name): \(row.text())")
            guard let encoded, let expected else { continue }
            #expect(encoded.ids.map(Int.init) == numbers(expected[0]), "\(name): \(row.text())")
            #expect(encoded.typeIDs.map(Int.init) == numbers(expected[1]), "\(name): \(row.text())")
            #expect(
                encoded.specialMask.map { $0 ? 1 : 0 } == numbers(expected[2]),
                "\(name): \(row.text())")
            count += 1
        }
        #expect(count > 100)
    }

    @Test func windowsOverlapByTheStride() throws {
        let tokenizer = try tokenizer(try entry("bert")["post_processor"] ?? .null)
        let question = Array(repeating: Int32(7), count: 3)
        let context = Array(Int32(10)..<20)
        let windows = try tokenizer.windows(
            question, pair: context, cutsSecond: true, maxLength: 10, stride: 2)
        #expect(
            windows.map { Array($0.ids[5...]) } == [
                [10, 11, 12, 13, 3], [12, 13, 14, 15, 3], [14, 15, 16, 17, 3], [16, 17, 18, 19, 3],
            ])
        #expect(windows[1].places[5...] == [2, 3, 4, 5, 0])
        #expect(
            windows[1].sources == [
                .none, .first, .first, .first, .none, .second, .second, .second, .second, .none,
            ])
        let single = try tokenizer.windows(
            context, cutsSecond: false, maxLength: 12, stride: 4)
        #expect(single.count == 1)
        #expect(throws: TokenizerError.tooLong(length: 13, limit: 12, strategy: "only_second")) {
            try tokenizer.windows(
                Array(repeating: 7, count: 7), pair: context, cutsSecond: true, maxLength: 12,
                stride: 2)
        }
    }

    @Test func whatCannotBeCutIsSaid() throws {
        let tokenizer = try tokenizer(try entry("bert")["post_processor"] ?? .null)
        let error = #expect(throws: TokenizerError.self) {
            try tokenizer.assemble(
                [7, 7], pair: [8, 8, 8, 8],
                truncation: Truncation(.onlyFirst, maxLength: 7))
        }
        #expect(
            error?.description
                == "tokenizer: found 9 tokens, at most 7 fit, and truncation by only_first cannot take"
                + " off enough; allow more tokens or another truncation")
        #expect(throws: TokenizerError.self) {
            try tokenizer.assemble([7], truncation: Truncation(maxLength: 1))
        }
        #expect(throws: TokenizerError.self) {
            try tokenizer.assemble([7], truncation: Truncation(maxLength: -5))
        }
    }
}
