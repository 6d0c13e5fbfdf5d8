import Files
import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let bytes = TokenizerFixtures()
private let folder = TokenizerFixtures(folder: "offsets")

/// Where tokens stand in their texts, as Hugging Face tokenizers has it (Tests/References/offsets).
@Suite struct TokenOffsetTests {
    private static func tokenizer(_ kind: String, of folder: String) throws -> any Tokenizer {
        switch folder {
        case "bert": try BertFixtures().tokenizer(kind)
        case "sentencepiece": try SentencePieceFixtures().tokenizer(kind)
        default: try bytes.tokenizer(kind)
        }
    }

    /// Expects the digests of a row, of every `step`th text.
    private func expect(_ row: String, of name: String, _ texts: [[UInt8]], every step: Int) throws
    {
        let fields = row.split(separator: " ").map(String.init)
        let tokenizer = try Self.tokenizer(fields[0], of: name)
        let texts = stride(from: 0, to: texts.count, by: step).map {
            String(decoding: texts[$0], as: UTF8.self)
        }
        #expect(texts.count == fields.count - 1)
        for (text, expected) in zip(texts, fields.dropFirst()) {
            let located = tokenizer.encodeWithOffsets(text)
            #expect(
                located.ids == tokenizer.encode(text, addSpecialTokens: false), "\(fields[0])")
            let encoded = try tokenizer.assemble(located.ids)
            let offsets = tokenizer.offsets(of: encoded, located)
            let numbers = offsets.map { "\($0.start) \($0.end)" }.joined(separator: " ")
            let digest = String(bytes.hash(numbers) & 0xFFFF_FFFF, radix: 16)
            #expect(digest == expected, "\(fields[0]): \(text.debugDescription): \(numbers)")
        }
    }

    private static func rows(_ name: String) throws -> [String] {
        try folder.text("\(name).txt").split(separator: "\n").map(String.init)
    }

    @Test(arguments: try rows("tokenizers"))
    func offsetsOfByteLevelTokensEqualHuggingFace(_ row: String) throws {
        try expect(row, of: "tokenizers", bytes.texts(), every: 3)
    }

    @Test(arguments: try rows("bert"))
    func offsetsOfWordPiecesEqualHuggingFace(_ row: String) throws {
        try expect(row, of: "bert", bytes.texts(), every: 6)
    }

    @Test(arguments: try rows("sentencepiece"))
    func offsetsOfSentencePiecesEqualHuggingFace(_ row: String) throws {
        try expect(row, of: "sentencepiece", SentencePieceFixtures().texts(), every: 2)
    }

    private static let windows =
        try! JSONValue.read(folder.text("windows.json"), file: "windows.json")

    @Test(arguments: (windows["cases"]?.members ?? []).map(\.key))
    func windowsOverPairsHaveHuggingFacesIdsAndOffsets(_ name: String) throws {
        let parts = name.split(separator: "/").map(String.init)
        let tokenizer = try Self.tokenizer(parts[1], of: parts[0])
        let texts = try #require(Self.windows["texts"]?.array).map { $0.array ?? [] }
        let cuts = try #require(Self.windows["cuts"]?.array).map { $0.array ?? [] }
        var cases = try #require(Self.windows["cases"]?[name]?.array)[...]
        for pair in texts {
            let (first, second) = (
                tokenizer.encodeWithOffsets(pair[0].string ?? ""),
                tokenizer.encodeWithOffsets(pair[1].string ?? "")
            )
            for cut in cuts {
                let expected = cases.popFirst()
                let found = try? tokenizer.windows(
                    first.ids, pair: second.ids, cutsSecond: true,
                    maxLength: cut[0].integer ?? 0, stride: cut[1].integer ?? 0)
                guard let windows = expected?.array else {
                    #expect(found == nil, "\(name) \(cut)")
                    continue
                }
                let made = (found ?? []).map { window -> JSONValue in
                    let offsets = tokenizer.offsets(of: window, first, second)
                    return .array([
                        .array(window.ids.map { .int(Int($0)) }),
                        .array(offsets.map { .array([.int(Int($0.start)), .int(Int($0.end))]) }),
                    ])
                }
                #expect(JSONValue.array(made) == JSONValue.array(windows), "\(name) \(cut)")
            }
        }
    }

    @Test func anOffsetCountsCodePointsOfTheTextAsGiven() throws {
        let tokenizer = try BertFixtures().tokenizer("uncased")
        // Four code points before the second word: a letter, its mark, a sign beyond 16 bits, a blank.
        let text = "e\u{301}\u{1F600} the"
        let (ids, offsets) = tokenizer.located(text)
        #expect(ids.last == tokenizer.id(of: "the"))
        #expect(offsets.last == TokenOffset(4, 7))
    }

    @Test func aBlankThatATokenBeginsWithIsOutsideOfIt() throws {
        let tokenizer = try bytes.tokenizer("llama3")
        let (ids, offsets) = tokenizer.located("a the")
        #expect(ids.map { tokenizer.token(of: $0) } == ["a", "Ġthe"])
        #expect(offsets == [TokenOffset(0, 1), TokenOffset(2, 5)])
    }
}
