/// A set of byte strings numbered in the order they came.
///
/// Open addressing over one arena: no allocation per string, and no Unicode equivalence between
/// strings, unlike a dictionary keyed by `String`.
package struct ByteStringTable: Sendable {
    /// Number + 1 of the string in each slot; 0 for a free one. The count is a power of two.
    private var slots: [UInt32]
    private var hashes: [UInt32] = []
    /// Where each string begins in `arena`; one more entry than strings.
    private var starts: [Int] = [0]
    private var arena: [UInt8] = []

    /// An empty table with room for about `capacity` strings.
    init(capacity: Int = 16) {
        var size = 32
        while size < capacity * 2 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
    }

    /// Strings held.
    var count: Int { hashes.count }

    /// Bytes of all strings held.
    package var byteCount: Int { arena.count }

    /// The bytes of string `number`.
    package subscript(number: Int) -> ArraySlice<UInt8> {
        arena[starts[number]..<starts[number + 1]]
    }

    /// Forgets all strings and keeps the memory.
    mutating func removeAll() {
        for slot in slots.indices { slots[slot] = 0 }
        hashes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        starts.append(0)
        arena.removeAll(keepingCapacity: true)
    }

    /// The hash of `bytes[start..<end]`, to be handed to ``find`` and ``insert``.
    @inline(__always)
    static func hash(_ bytes: [UInt8], _ start: Int, _ end: Int) -> UInt32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in start..<end {
            hash = (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3
        }
        return UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
    }

    /// The number of `bytes[start..<end]`, or -1.
    @inline(__always)
    func find(_ bytes: [UInt8], _ start: Int, _ end: Int, hash: UInt32) -> Int {
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if hashes[number] == hash, isEqual(number, bytes, start, end) { return number }
            slot = (slot + 1) & mask
        }
        return -1
    }

    /// Adds `bytes[start..<end]`, which must not be there yet, and returns its number.
    @inline(__always)
    mutating func insert(_ bytes: [UInt8], _ start: Int, _ end: Int, hash: UInt32) -> Int {
        if (hashes.count + 1) * 2 > slots.count { grow() }
        place(hash, number: hashes.count)
        hashes.append(hash)
        arena.append(contentsOf: bytes[start..<end])
        starts.append(arena.count)
        return hashes.count - 1
    }

    /// The number of `bytes`, or `nil`.
    func number(of bytes: [UInt8]) -> Int? {
        let found = find(bytes, 0, bytes.count, hash: Self.hash(bytes, 0, bytes.count))
        return found < 0 ? nil : found
    }

    /// The number of `bytes`, added if it was not there, and whether it was.
    mutating func numberInserting(_ bytes: [UInt8]) -> (number: Int, isNew: Bool) {
        let hash = Self.hash(bytes, 0, bytes.count)
        let found = find(bytes, 0, bytes.count, hash: hash)
        if found >= 0 { return (found, false) }
        return (insert(bytes, 0, bytes.count, hash: hash), true)
    }

    @inline(__always)
    private func isEqual(_ number: Int, _ bytes: [UInt8], _ start: Int, _ end: Int) -> Bool {
        let first = starts[number]
        guard starts[number + 1] - first == end - start else { return false }
        for index in 0..<(end - start) where arena[first + index] != bytes[start + index] {
            return false
        }
        return true
    }

    private mutating func place(_ hash: UInt32, number: Int) {
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(number + 1)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for number in hashes.indices { place(hashes[number], number: number) }
    }
}
