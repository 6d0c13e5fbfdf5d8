/// Where the files of a zip archive without compression lie.
///
/// Format: PKWARE's APPNOTE 4.3, with the 64-bit fields of archives above 4 GB.
struct ZipDirectory {
    /// File name to its bytes.
    let entries: [String: Range<Int>]

    /// Bytes of the record at the archive's end, of one file in the directory and of the header
    /// before a file, without names.
    private static let (endSize, entrySize, headerSize) = (22, 46, 30)
    private static let longestComment = 65_536

    /// - Throws: ``MalformedPickle`` where the bytes are no such archive.
    init(_ bytes: UnsafeRawBufferPointer) throws(MalformedPickle) {
        let (start, count, end) = try Self.directory(bytes)
        var place = start
        var entries: [String: Range<Int>] = [:]
        for _ in 0..<count {
            guard place <= end - Self.entrySize, Self.number(bytes, place, 4) == 0x0201_4B50 else {
                throw MalformedPickle(reason: "its zip directory is damaged")
            }
            let nameLength = Self.number(bytes, place + 28, 2)
            let extraLength = Self.number(bytes, place + 30, 2)
            let rest = extraLength + Self.number(bytes, place + 32, 2)
            let nameStart = place + Self.entrySize
            guard nameStart + nameLength + rest <= end else {
                throw MalformedPickle(reason: "its zip directory is damaged")
            }
            let extra = nameStart + nameLength..<nameStart + nameLength + extraLength
            let name = String(
                decoding: bytes[nameStart..<nameStart + nameLength], as: UTF8.self)
            let range = try Self.range(bytes, entry: place, extra: extra, end: end)
            guard entries.updateValue(range, forKey: name) == nil else {
                throw MalformedPickle(reason: "its zip directory names '\(name)' twice")
            }
            place = nameStart + nameLength + rest
        }
        self.entries = entries
    }

    /// The directory's first byte, its number of files, and where the archive's end record begins.
    private static func directory(
        _ bytes: UnsafeRawBufferPointer
    ) throws(MalformedPickle) -> (start: Int, count: Int, end: Int) {
        guard bytes.count >= endSize else { throw MalformedPickle(reason: "it is no zip archive") }
        let least = max(0, bytes.count - endSize - longestComment)
        guard
            let end = stride(from: bytes.count - endSize, through: least, by: -1)
                .first(where: { number(bytes, $0, 4) == 0x0605_4B50 })
        else { throw MalformedPickle(reason: "it is no zip archive, or is truncated") }
        let (start, count) = (number(bytes, end + 16, 4), number(bytes, end + 10, 2))
        guard start == 0xFFFF_FFFF || count == 0xFFFF else {
            return (start, count, end)
        }
        // The 64-bit record, which a locator right before the end record points to.
        let locator = end - 20
        guard locator >= 0, number(bytes, locator, 4) == 0x0706_4B50,
            let record = long(bytes, locator + 8), record <= locator - 56,
            number(bytes, record, 4) == 0x0606_4B50,
            let longCount = long(bytes, record + 32), let longStart = long(bytes, record + 48),
            longStart <= record, longCount <= record / entrySize
        else { throw MalformedPickle(reason: "its 64-bit zip directory is damaged") }
        return (longStart, longCount, record)
    }

    /// The bytes of one file.
    private static func range(
        _ bytes: UnsafeRawBufferPointer, entry place: Int, extra: Range<Int>, end: Int
    ) throws(MalformedPickle) -> Range<Int> {
        guard number(bytes, place + 10, 2) == 0, number(bytes, place + 8, 2) & 1 == 0 else {
            throw MalformedPickle(reason: "its zip entries are compressed or encrypted")
        }
        // Stored bytes, bytes of the file, and the place of the header before them.
        var numbers = [20, 24, 42].map { number(bytes, place + $0, 4) }
        if numbers.contains(0xFFFF_FFFF) {
            try widen(&numbers, bytes, extra)
        }
        let (size, header) = (numbers[1], numbers[2])
        guard numbers[0] == size, header <= end - headerSize,
            number(bytes, header, 4) == 0x0403_4B50
        else { throw MalformedPickle(reason: "its zip entries are damaged") }
        let start =
            header + headerSize + number(bytes, header + 26, 2) + number(bytes, header + 28, 2)
        guard start <= end, size <= end - start else {
            throw MalformedPickle(reason: "it is truncated")
        }
        return start..<start + size
    }

    /// Puts the 64-bit numbers of a file's extra field in place of those that say "see there".
    private static func widen(
        _ numbers: inout [Int], _ bytes: UnsafeRawBufferPointer, _ extra: Range<Int>
    ) throws(MalformedPickle) {
        var place = extra.lowerBound
        while place + 4 <= extra.upperBound {
            let (kind, length) = (number(bytes, place, 2), number(bytes, place + 2, 2))
            place += 4
            guard place + length <= extra.upperBound else { break }
            guard kind == 1 else {
                place += length
                continue
            }
            var next = place
            // The file's size stands before that of its stored bytes.
            for index in [1, 0, 2] where numbers[index] == 0xFFFF_FFFF {
                guard next + 8 <= place + length, let number = long(bytes, next) else { break }
                numbers[index] = number
                next += 8
            }
            return
        }
        throw MalformedPickle(reason: "its zip entries are damaged")
    }

    /// A little-endian number of at most four bytes.
    private static func number(
        _ bytes: UnsafeRawBufferPointer, _ place: Int, _ size: Int
    ) -> Int {
        (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }

    /// One of eight bytes, if it is a place in the file.
    private static func long(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> Int? {
        let number = UInt64(
            littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        return number <= UInt64(bytes.count) ? Int(number) : nil
    }
}
