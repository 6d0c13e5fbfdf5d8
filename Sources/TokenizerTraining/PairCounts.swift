/// How often each pair of symbols occurs: open addressing, a pair all in one place.
struct PairCounts {
    private struct Slot {
        var key: UInt64
        var count = 0
        var number: Int32 = 0
    }

    /// The count is a power of two.
    private var slots = [Slot](repeating: Slot(key: free), count: 1 << 12)
    private var count = 0
    /// No pair of symbols from 0 on has this key.
    private static let free = UInt64.max

    @inline(__always)
    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Where a pair is, or where it would be put.
    @inline(__always)
    func slot(of key: UInt64) -> Int {
        let product = key &* 0x9E37_79B9_7F4A_7C15
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: product ^ product >> 32) & mask
        while slots[slot].key != key, slots[slot].key != Self.free { slot = (slot + 1) & mask }
        return slot
    }

    /// Whether a pair is at `slot`.
    @inline(__always)
    func isUsed(_ slot: Int) -> Bool { slots[slot].key != Self.free }

    /// Puts a pair where ``slot(of:)`` said. → where it is then
    mutating func insert(_ key: UInt64, number: Int32, at slot: Int) -> Int {
        slots[slot] = Slot(key: key, number: number)
        count += 1
        guard count * 2 > slots.count else { return slot }
        let old = slots
        slots = [Slot](repeating: Slot(key: Self.free), count: old.count * 2)
        for slot in old where slot.key != Self.free { slots[self.slot(of: slot.key)] = slot }
        return self.slot(of: key)
    }

    /// Changes the count of the pair at `slot`. → its number
    @inline(__always)
    mutating func add(_ change: Int, at slot: Int) -> Int {
        slots[slot].count += change
        return Int(slots[slot].number)
    }

    /// How often a pair occurs.
    func count(of left: Int32, _ right: Int32) -> Int {
        slots[slot(of: Self.key(left, right))].count
    }
}
