import Foundation

/// Where a long text may be cut so that its pieces, tokenized one by one, give (nearly always) the
/// ids of the whole.
///
/// Byte-level tokenizers never join a line feed between two visible characters to what follows it,
/// so such places come first; then the end of any run of line feeds, then a place before a space
/// (text in one endless line), then any place between two characters.
enum TextBoundary {
    /// The last good place in `1...limit`; `bytes` reaches beyond `limit`.
    static func last(in bytes: UnsafeRawBufferPointer, limit: Int) -> Int {
        // Looking far back would make small pieces; half the window is enough.
        search(stride(from: limit, to: limit / 2, by: -1), in: bytes)
            ?? search(stride(from: limit / 2, to: 0, by: -1), in: bytes)
            ?? characterStart(atOrBefore: limit, in: bytes)
    }

    /// The first good place after `start` in `bytes`, short of its end; `nil` if there is none.
    static func first(after start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        search(stride(from: start + 1, to: bytes.count, by: 1), in: bytes)
    }

    private static func search(
        _ places: StrideTo<Int>, in bytes: UnsafeRawBufferPointer
    ) -> Int? {
        var lineStart: Int?
        var space: Int?
        for place in places {
            let next = bytes[place]
            if bytes[place - 1] == 0x0A {
                if isSpace(next) { continue }
                if place >= 2, !isSpace(bytes[place - 2]) { return place }
                if lineStart == nil { lineStart = place }
            } else if lineStart == nil, space == nil, next == 0x20, !isSpace(bytes[place - 1]) {
                space = place
            }
        }
        return lineStart ?? space
    }

    /// The place itself, or up to three bytes before it where a character of UTF-8 begins.
    static func characterStart(atOrBefore place: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        for candidate in stride(from: place, to: max(0, place - 4), by: -1)
        where bytes[candidate] & 0xC0 != 0x80 {
            return candidate
        }
        return place
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
