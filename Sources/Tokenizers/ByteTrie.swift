/// Byte strings as paths from a root, each with a number.
package struct ByteTrie: Sendable {
    /// (node << 8 | byte) + 1 of each edge; 0 for a free slot. The count is a power of two.
    private var keys: [UInt64]
    /// The node an edge leads to.
    private var targets: [UInt32]
    /// The number of the string that ends at each node, or -1; node 0 is the root.
    private var endings: [Int32] = [-1]

    /// An empty trie with room for about `capacity` edges.
    package init(capacity: Int = 16) {
        var size = 32
        while size < capacity * 2 { size *= 2 }
        keys = [UInt64](repeating: 0, count: size)
        targets = [UInt32](repeating: 0, count: size)
    }

    /// Whether no string was inserted.
    var isEmpty: Bool { endings.count == 1 }

    /// Adds a string.
    ///
    /// - Parameter replaces: give the string this number even if it has one.
    package mutating func insert(_ bytes: some Sequence<UInt8>, number: Int32, replaces: Bool) {
        var node = 0
        for byte in bytes {
            let found = next(node, byte)
            if found >= 0 {
                node = found
                continue
            }
            if endings.count * 2 > keys.count { grow() }
            place(UInt64(node) << 8 | UInt64(byte), UInt32(endings.count))
            node = endings.count
            endings.append(-1)
        }
        if replaces || endings[node] < 0 { endings[node] = number }
    }

    /// The node after `node` on the path of `byte`, or -1.
    @inline(__always)
    package func next(_ node: Int, _ byte: UInt8) -> Int {
        let edge = UInt64(node) << 8 | UInt64(byte)
        var slot = Self.slot(edge) & (keys.count - 1)
        while true {
            let key = keys[slot]
            if key == edge + 1 { return Int(targets[slot]) }
            if key == 0 { return -1 }
            slot = (slot + 1) & (keys.count - 1)
        }
    }

    /// The number of the string that ends at `node`, or -1.
    @inline(__always)
    package func ending(_ node: Int) -> Int32 { endings[node] }

    /// The number of `bytes`, or -1.
    func number(of bytes: some Sequence<UInt8>) -> Int32 {
        var node = 0
        for byte in bytes {
            node = next(node, byte)
            if node < 0 { return -1 }
        }
        return endings[node]
    }

    @inline(__always)
    private static func slot(_ edge: UInt64) -> Int {
        Int(truncatingIfNeeded: (edge &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }

    private mutating func place(_ edge: UInt64, _ target: UInt32) {
        var slot = Self.slot(edge) & (keys.count - 1)
        while keys[slot] != 0 { slot = (slot + 1) & (keys.count - 1) }
        keys[slot] = edge + 1
        targets[slot] = target
    }

    private mutating func grow() {
        let oldKeys = keys
        let oldTargets = targets
        keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
        targets = [UInt32](repeating: 0, count: oldKeys.count * 2)
        for (key, target) in zip(oldKeys, oldTargets) where key > 0 { place(key - 1, target) }
    }
}
