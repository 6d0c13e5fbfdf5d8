/// Counts the chunks of texts, which are what stands between blanks and line ends, byte by byte.
///
/// Most chunks come many times, so that what is done to each different one costs little: 40 MB of
/// English hold 5.4 million chunks, of which 0.7 million are different.
struct ChunkCounter: Sendable {
    /// The chunks, numbered in the order they came.
    private(set) var chunks = ByteStringTable(capacity: 1 << 16)
    /// How often each occurred.
    private(set) var counts: [Int] = []

    /// Chunks of the text at hand that are not counted yet.
    private var waiting: [Place] = []
    private var glanced: UInt32 = 0
    /// More loads from memory than this no core has under way.
    private static let most = 32

    private struct Place {
        let start: Int
        let end: Int
        let key: ByteStringTable.Key
    }

    init() { waiting.reserveCapacity(Self.most) }

    /// Bytes of memory that the chunks take, slots aside.
    var byteCount: Int { chunks.byteCount + 2 * counts.count * MemoryLayout<Int>.stride }

    /// Counts the chunks of `bytes[start..<end]`, on whose both sides a chunk ends; of the last ones not
    /// before ``finish(_:)``.
    mutating func count(_ bytes: [UInt8], _ start: Int, _ end: Int) {
        var place = start
        while place < end {
            place = bytes.withUnsafeBytes { wait(for: $0, place, end) }
            if waiting.count == Self.most { finish(bytes) }
        }
    }

    /// Counts what waits of these bytes.
    mutating func finish(_ bytes: [UInt8]) {
        glanced |= chunks.glance(waiting.lazy.map(\.key))
        for place in waiting { add(bytes, place.start, place.end, place.key, 1) }
        waiting.removeAll(keepingCapacity: true)
    }

    /// Adds the counts of another counter.
    mutating func add(_ other: ChunkCounter) {
        let bytes = other.chunks.bytes
        for (number, count) in other.counts.enumerated() {
            let range = other.chunks.range(of: number)
            let key = ByteStringTable.key(bytes, range.lowerBound, range.upperBound)
            add(bytes, range.lowerBound, range.upperBound, key, count)
        }
    }

    @inline(__always)
    private mutating func add(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ key: ByteStringTable.Key, _ count: Int
    ) {
        let number = chunks.find(bytes, start, end, key)
        if number >= 0 {
            counts[number] += count
        } else {
            _ = chunks.insert(bytes, start, end, key)
            counts.append(count)
        }
    }

    /// Finds chunks until all or enough wait. → where it stopped
    private mutating func wait(for bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var place = start
        while place < end, waiting.count < Self.most {
            let head = ByteWord.load(bytes, place, end)
            let length = ByteWord.chunkLength(head)
            if length == 0 {
                place += 1
                continue
            }
            var next = place + length
            if length == 8 {
                while next < end {
                    let more = ByteWord.chunkLength(ByteWord.load(bytes, next, end))
                    next += more
                    if more < 8 { break }
                }
            }
            let first = ByteWord.first(length, of: head)
            let hash = ByteWord.hash(bytes, place, next, head: first)
            waiting.append(Place(start: place, end: next, key: .init(head: first, hash: hash)))
            place = next + 1
        }
        return place
    }
}
