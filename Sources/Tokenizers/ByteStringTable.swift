/// A set of byte strings numbered in the order they came.
///
/// Open addressing over one arena: no allocation per string, and no Unicode equivalence between
/// strings, unlike a dictionary keyed by `String`. A string's first eight bytes stand in its slot.
package struct ByteStringTable: Sendable {
    /// What a string is looked for by.
    struct Key {
        /// The first eight bytes; blanks behind a shorter string.
        let head: UInt64
        let hash: Int
    }

    private struct Slot {
        var head: UInt64 = 0
        /// One more than the number of the string; 0 for a free slot.
        var number: UInt32 = 0
        var length: UInt32 = 0
    }

    /// The count is a power of two.
    private var slots: [Slot]
    /// Where each string begins in `bytes`; one more entry than strings.
    private var starts: [Int] = [0]
    /// The bytes of all strings, one string after another.
    package private(set) var bytes: [UInt8] = []

    /// An empty table with room for about `capacity` strings.
    init(capacity: Int = 16) {
        var size = 32
        while size < capacity * 2 { size *= 2 }
        slots = [Slot](repeating: Slot(), count: size)
    }

    /// Strings held.
    var count: Int { starts.count - 1 }

    /// Bytes of all strings held.
    package var byteCount: Int { bytes.count }

    /// Where string `number` stands in ``bytes``.
    @inline(__always)
    package func range(of number: Int) -> Range<Int> { starts[number]..<starts[number + 1] }

    /// Forgets all strings and keeps the memory.
    mutating func removeAll() {
        for slot in slots.indices { slots[slot] = Slot() }
        starts.removeAll(keepingCapacity: true)
        starts.append(0)
        bytes.removeAll(keepingCapacity: true)
    }

    /// What `bytes[start..<end]` is looked for by.
    @inline(__always)
    static func key(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Key {
        bytes.withUnsafeBytes { key($0, start, end) }
    }

    @inline(__always)
    static func key(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Key {
        let head = start < end ? ByteWord.load(bytes, start, end) : 0
        return Key(head: head, hash: ByteWord.hash(bytes, start, end, head: head))
    }

    /// The number of `bytes[start..<end]`, or -1.
    @inline(__always)
    func find(_ bytes: [UInt8], _ start: Int, _ end: Int, _ key: Key) -> Int {
        let mask = slots.count - 1
        var place = key.hash & mask
        while slots[place].number != 0 {
            let slot = slots[place]
            if slot.head == key.head, Int(slot.length) == end - start {
                let number = Int(slot.number) - 1
                if end - start <= 8 || isEqual(number, bytes, start, end) { return number }
            }
            place = (place + 1) & mask
        }
        return -1
    }

    /// Something of the slots where strings will be looked for, so that these are fetched from memory all
    /// at once, and not one after another.
    @inline(__always)
    func glance(_ keys: some Sequence<Key>) -> UInt32 {
        let mask = slots.count - 1
        return keys.reduce(0) { $0 | slots[$1.hash & mask].number }
    }

    /// Adds `bytes[start..<end]`, which must not be there yet, and returns its number.
    @inline(__always)
    mutating func insert(_ bytes: [UInt8], _ start: Int, _ end: Int, _ key: Key) -> Int {
        if starts.count * 2 > slots.count { grow() }
        let number = starts.count
        place(Slot(head: key.head, number: UInt32(number), length: UInt32(end - start)), key.hash)
        self.bytes.append(contentsOf: bytes[start..<end])
        starts.append(self.bytes.count)
        return number - 1
    }

    /// The number of `bytes`, or `nil`.
    func number(of bytes: [UInt8]) -> Int? {
        let found = find(bytes, 0, bytes.count, Self.key(bytes, 0, bytes.count))
        return found < 0 ? nil : found
    }

    /// The number of `bytes`, added if it was not there, and whether it was.
    mutating func numberInserting(_ bytes: [UInt8]) -> (number: Int, isNew: Bool) {
        let key = Self.key(bytes, 0, bytes.count)
        let found = find(bytes, 0, bytes.count, key)
        if found >= 0 { return (found, false) }
        return (insert(bytes, 0, bytes.count, key), true)
    }

    /// Whether the bytes of a string behind its first eight are `bytes[(start + 8)..<end]`.
    private func isEqual(_ number: Int, _ bytes: [UInt8], _ start: Int, _ end: Int) -> Bool {
        let first = starts[number]
        for index in 8..<(end - start) where self.bytes[first + index] != bytes[start + index] {
            return false
        }
        return true
    }

    @inline(__always)
    private mutating func place(_ slot: Slot, _ hash: Int) {
        let mask = slots.count - 1
        var place = hash & mask
        while slots[place].number != 0 { place = (place + 1) & mask }
        slots[place] = slot
    }

    private mutating func grow() {
        // String by string, so that their bytes are read in order.
        slots = [Slot](repeating: Slot(), count: slots.count * 2)
        for number in 0..<count {
            let range = range(of: number)
            let key = Self.key(bytes, range.lowerBound, range.upperBound)
            place(
                Slot(head: key.head, number: UInt32(number + 1), length: UInt32(range.count)),
                key.hash)
        }
    }
}
