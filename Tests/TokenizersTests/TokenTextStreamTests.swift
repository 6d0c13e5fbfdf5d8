import Testing
import Tokenizers

/// Tokens here are bytes, so that characters and stop strings fall apart at every place.
@Suite struct TokenTextStreamTests {
    private func pieces(
        _ bytes: [UInt8], stops: [String] = []
    ) throws -> (pieces: [String], stopped: Bool) {
        let tokenizer = try SentencePieceFixtures().tokenizer("legacy")
        var stream = TokenTextStream(tokenizer, skipsSpecialTokens: true, stops: stops)
        var pieces: [String] = []
        for byte in bytes {
            let digits = String(byte, radix: 16, uppercase: true)
            let name = "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
            pieces.append(stream.append(try #require(tokenizer.id(of: name))))
        }
        pieces.append(stream.finish())
        return (pieces, stream.isStopped)
    }

    @Test(arguments: ["plain", "naïve 😀 — 猫", "", "e\u{301}", "👩‍👩‍👧"])
    func onlyWholeCharactersAppear(text: String) throws {
        let found = try pieces(Array(text.utf8)).pieces
        #expect(found.joined() == text)
        #expect(!found.contains { $0.unicodeScalars.contains("\u{FFFD}") })
    }

    @Test func bytesThatNeverBecomeACharacterAreHandedOutInTheEnd() throws {
        #expect(try pieces([0x41, 0xE7, 0x8C]).pieces == ["A", "", "", "\u{FFFD}"])
        #expect(try pieces([0xFF, 0x41]).pieces == ["\u{FFFD}", "A", ""])
    }

    @Test func nothingAppearsFromAStopStringOn() throws {
        let found = try pieces(Array("one two <end> three".utf8), stops: ["<stop>", "<end>"])
        #expect(found.pieces.joined() == "one two " && found.stopped)
        #expect(!found.pieces.contains { $0.contains("<") })
    }

    @Test func theBeginningOfAStopStringIsHeldAndThenGiven() throws {
        let found = try pieces(Array("a <en b <e".utf8), stops: ["<end>"])
        #expect(found.pieces.joined() == "a <en b <e" && !found.stopped)
        #expect(found.pieces[2...4].allSatisfy { $0.isEmpty })
        #expect(found.pieces[5] == "<en ")
    }
}
