/// Which pairs of tokens merge, in what order, and into what.
struct MergeTable: Sendable {
    /// What no pair merges into: later than every merge.
    static let none = UInt64.max

    /// left << 32 | right; `none` for a free slot. The count is a power of two.
    private var keys: [UInt64]
    /// rank << 32 | merged token
    private var values: [UInt64]
    private let shift: UInt64

    /// A table of merges in order of rank; of a pair listed twice the later place counts.
    init(_ merges: [Merge]) {
        var bits: UInt64 = 4
        while (1 << bits) < merges.count * 2 { bits += 1 }
        shift = 64 - bits
        keys = [UInt64](repeating: Self.none, count: 1 << bits)
        values = [UInt64](repeating: Self.none, count: 1 << bits)
        for (rank, merge) in merges.enumerated() {
            let key = Self.key(merge.left, merge.right)
            var slot = Int((key &* 0x9E37_79B9_7F4A_7C15) >> shift)
            while keys[slot] != Self.none, keys[slot] != key {
                slot = (slot + 1) & (keys.count - 1)
            }
            keys[slot] = key
            values[slot] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merge.merged))
        }
    }

    /// Rank << 32 | merged token of a pair, or ``none``.
    @inline(__always)
    func value(_ left: Int32, _ right: Int32) -> UInt64 {
        let key = Self.key(left, right)
        var slot = Int((key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while true {
            let found = keys[slot]
            if found == key { return values[slot] }
            if found == Self.none { return Self.none }
            slot = (slot + 1) & (keys.count - 1)
        }
    }

    /// The token of a value.
    @inline(__always)
    static func token(_ value: UInt64) -> Int32 { Int32(truncatingIfNeeded: value) }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}

/// One learned merge.
package struct Merge: Sendable, Equatable {
    package let left: Int32
    package let right: Int32
    package let merged: Int32

    package init(left: Int32, right: Int32, merged: Int32) {
        self.left = left
        self.right = right
        self.merged = merged
    }
}
