/// Reads the fields of a message of Protocol Buffers (the wire format of proto2), within its bounds.
struct ProtobufReader {
    /// What a field holds.
    enum Value {
        case integer(UInt64)
        case bytes(Range<Int>)
        case fixed32(UInt32)
        case fixed64(UInt64)
    }

    /// Why bytes are no message: where, and what stands there.
    struct Mistake: Error {
        let byte: Int
        let found: String
        let expected: String
    }

    let bytes: [UInt8]
    private var place: Int
    private let end: Int

    /// A reader of all of `bytes`, or of a message within.
    init(_ bytes: [UInt8], _ range: Range<Int>? = nil) {
        self.bytes = bytes
        place = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    /// The next field and its number; `nil` at the end.
    mutating func next() throws(Mistake) -> (field: Int, value: Value)? {
        if place >= end { return nil }
        let start = place
        let key = try varint()
        let field = Int(clamping: key >> 3)
        guard field > 0 else {
            throw Mistake(byte: start, found: "field 0", expected: "the number of a field")
        }
        switch key & 7 {
        case 0: return (field, .integer(try varint()))
        case 1: return (field, .fixed64(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - place) else {
                throw Mistake(
                    byte: start, found: "\(length) bytes of field \(field)",
                    expected: "at most \(end - place), which are left")
            }
            let range = place..<(place + Int(length))
            place = range.upperBound
            return (field, .bytes(range))
        case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        case let type:
            throw Mistake(
                byte: start, found: "field \(field) of wire type \(type)",
                expected: "a field of a SentencePiece model")
        }
    }

    private mutating func varint() throws(Mistake) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        let start = place
        while place < end, shift < 64 {
            let byte = bytes[place]
            place += 1
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
        throw Mistake(
            byte: start, found: place < end ? "more than ten bytes" : "the end",
            expected: "a whole number")
    }

    private mutating func fixed(_ count: Int) throws(Mistake) -> UInt64 {
        guard end - place >= count else {
            throw Mistake(byte: place, found: "the end", expected: "\(count) bytes of a number")
        }
        var result: UInt64 = 0
        for index in 0..<count { result |= UInt64(bytes[place + index]) << UInt64(8 * index) }
        place += count
        return result
    }
}
