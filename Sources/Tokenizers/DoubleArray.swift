/// A trie of byte strings with numbers, as an array of 32-bit units: what SentencePiece's tables of
/// replacements are searched in.
///
/// A node's children stand at its base, exclusive-or their byte. A unit holds its byte (bits 0-7),
/// whether a string ends there (bit 8, its number at the base itself), and how its own place and
/// its base differ (bits 10-31). Nodes that go on alike are one.
///
/// Source: Yata's Darts-clone (its published format).
struct DoubleArray {
    /// A node: the number of the string that ends at it, -1 for none, and the nodes after it.
    struct State: Hashable {
        var value: Int32 = -1
        /// Sorted by byte, none of them 0.
        var edges: [Edge] = []
    }

    /// A byte and the number of the node it leads to.
    struct Edge: Hashable {
        let byte: UInt8
        let target: Int
    }

    /// The units; a multiple of 256.
    private(set) var units: [UInt32] = []

    /// Which places and which bases are taken, 64 a word.
    private var used: [UInt64] = []
    private var bases: [UInt64] = []
    /// No word before has a place for a node without edges.
    private var firstOpen = 0
    /// Blocks of 256 units that are looked at before the array grows.
    private static let window = 3

    /// - Parameter states: nodes, the last of which is the root.
    init(_ states: [State]) {
        grow()
        used[0] = 1
        bases[0] = 1
        var found = [Int](repeating: 0, count: states.count)
        let order = states.indices.sorted {
            let (one, two) = (states[$0].edges.count, states[$1].edges.count)
            return one != two ? one > two : $0 < $1
        }
        for number in order {
            let state = states[number]
            found[number] = state.edges.isEmpty ? placeLeaf() : place(state)
        }
        units = [UInt32](repeating: 0, count: used.count * 64)
        units[0] = UInt32(found.last ?? 0) << 10
        for (number, state) in states.enumerated() {
            let base = found[number]
            if state.value >= 0 { units[base] = 1 << 31 | UInt32(state.value) }
            for edge in state.edges {
                let place = base ^ Int(edge.byte)
                let leaf: UInt32 = states[edge.target].value >= 0 ? 1 << 8 : 0
                let offset = UInt32(place ^ found[edge.target])
                units[place] = offset << 10 | leaf | UInt32(edge.byte)
            }
        }
        fill()
    }

    private mutating func grow() {
        used += [0, 0, 0, 0]
        bases += [0, 0, 0, 0]
    }

    /// Takes a place that is its own base.
    private mutating func placeLeaf() -> Int {
        while true {
            if firstOpen == used.count { grow() }
            let free = ~(used[firstOpen] | bases[firstOpen])
            if free != 0 {
                let bit = free.trailingZeroBitCount
                used[firstOpen] |= 1 << UInt64(bit)
                bases[firstOpen] |= 1 << UInt64(bit)
                return firstOpen * 64 + bit
            }
            firstOpen += 1
        }
    }

    /// Takes places where a node's children are free, and returns their base.
    private mutating func place(_ state: State) -> Int {
        // The bytes of each quarter of a block.
        var masks: [UInt64] = [0, 0, 0, 0]
        if state.value >= 0 { masks[0] = 1 }
        for edge in state.edges { masks[Int(edge.byte >> 6)] |= 1 << UInt64(edge.byte & 63) }
        let parts = masks.indices.filter { masks[$0] != 0 }.map { (quarter: $0, mask: masks[$0]) }
        var block = max(0, used.count / 4 - Self.window)
        while true {
            if block * 4 == used.count { grow() }
            for high in 0..<4 {
                let hasRoom = parts.allSatisfy {
                    used[block * 4 + ($0.quarter ^ high)].nonzeroBitCount
                        + $0.mask.nonzeroBitCount <= 64
                }
                if hasRoom, let base = place(parts, block * 4, high) { return base }
            }
            block += 1
        }
    }

    private mutating func place(
        _ parts: [(quarter: Int, mask: UInt64)], _ first: Int, _ high: Int
    ) -> Int? {
        let taken = bases[first + high]
        for low in 0..<64 where taken >> UInt64(low) & 1 == 0 {
            var isFree = true
            for part in parts where isFree {
                let moved = Self.moved(part.mask, low)
                isFree = used[first + (part.quarter ^ high)] & moved == 0
            }
            guard isFree else { continue }
            for part in parts {
                used[first + (part.quarter ^ high)] |= Self.moved(part.mask, low)
            }
            bases[first + high] |= 1 << UInt64(low)
            return (first + high) * 64 + low
        }
        return nil
    }

    /// Each bit goes to its place exclusive-or `distance`.
    private static func moved(_ bits: UInt64, _ distance: Int) -> UInt64 {
        var bits = bits
        if distance & 1 != 0 {
            bits = (bits & 0x5555_5555_5555_5555) << 1 | (bits >> 1) & 0x5555_5555_5555_5555
        }
        if distance & 2 != 0 {
            bits = (bits & 0x3333_3333_3333_3333) << 2 | (bits >> 2) & 0x3333_3333_3333_3333
        }
        if distance & 4 != 0 {
            bits = (bits & 0x0F0F_0F0F_0F0F_0F0F) << 4 | (bits >> 4) & 0x0F0F_0F0F_0F0F_0F0F
        }
        if distance & 8 != 0 {
            bits = (bits & 0x00FF_00FF_00FF_00FF) << 8 | (bits >> 8) & 0x00FF_00FF_00FF_00FF
        }
        if distance & 16 != 0 {
            bits = (bits & 0x0000_FFFF_0000_FFFF) << 16 | (bits >> 16) & 0x0000_FFFF_0000_FFFF
        }
        if distance & 32 != 0 { bits = bits << 32 | bits >> 32 }
        return bits
    }

    /// Gives free units a byte by which no node reaches them.
    private mutating func fill() {
        for place in units.indices where used[place >> 6] >> UInt64(place & 63) & 1 == 0 {
            let word = place / 256 * 4
            let open = (word..<(word + 4)).first { ~bases[$0] != 0 } ?? word
            let other = open * 64 + (~bases[open]).trailingZeroBitCount
            units[place] = UInt32((place ^ other) & 0xFF)
        }
    }
}
