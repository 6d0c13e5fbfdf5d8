import Models
import Testing

/// Tokens here are bytes, so that characters and stop strings fall apart at every place.
@Suite struct TokenTextStreamTests {
    private func decode(_ ids: [Int32]) -> String {
        String(decoding: ids.map { UInt8($0) }, as: UTF8.self)
    }

    private func pieces(_ text: String, stops: [String] = []) -> (pieces: [String], stopped: Bool) {
        var stream = TokenTextStream(stops: stops, decode: decode)
        var pieces = text.utf8.map { stream.append(Int32($0)) }
        pieces.append(stream.finish())
        return (pieces, stream.isStopped)
    }

    @Test(arguments: ["plain", "naïve 😀 — 猫", "", "e\u{301}", "👩‍👩‍👧"])
    func onlyWholeCharactersAppear(text: String) {
        let found = pieces(text).pieces
        #expect(found.joined() == text)
        #expect(!found.contains { $0.unicodeScalars.contains("\u{FFFD}") })
    }

    @Test func bytesThatNeverBecomeACharacterAreHandedOutInTheEnd() {
        var stream = TokenTextStream(decode: decode)
        let bytes: [Int32] = [0x41, 0xE7, 0x8C]
        let found = bytes.map { stream.append($0) } + [stream.finish()]
        #expect(found == ["A", "", "", "\u{FFFD}"])
        var long = TokenTextStream(decode: decode)
        let some = (0..<40).map { _ in long.append(0xFF) }
        #expect(some.contains { !$0.isEmpty })
    }

    @Test func nothingAppearsFromAStopStringOn() {
        let found = pieces("one two <end> three", stops: ["<stop>", "<end>"])
        #expect(found.pieces.joined() == "one two " && found.stopped)
        #expect(!found.pieces.contains { $0.contains("<") })
    }

    @Test func theBeginningOfAStopStringIsHeldAndThenGiven() {
        let found = pieces("a <en b <e", stops: ["<end>"])
        #expect(found.pieces.joined() == "a <en b <e" && !found.stopped)
        #expect(found.pieces[2...4].allSatisfy { $0.isEmpty })
        #expect(found.pieces[5] == "<en ")
    }

    // As decoders of SentencePiece do, which drop the space before a text's first word.
    @Test func aTokenIsDecodedAfterThoseBeforeIt() {
        let words = ["▁Hello", "▁wor", "ld", "▁!"]
        var stream = TokenTextStream { ids in
            let text = ids.map { words[Int($0)] }.joined().map { $0 == "▁" ? " " : $0 }
            return String(text.first == " " ? text.dropFirst() : text[...])
        }
        let found = (0..<4).map { stream.append(Int32($0)) } + [stream.finish()]
        #expect(found == ["Hello", " wor", "ld", " !", ""])
    }
}
