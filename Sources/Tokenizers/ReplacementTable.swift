/// SentencePiece's rule `nmt_nfkc` in the form that its models hold, for models that are trained.
///
/// The rules: each scalar that NFKC changes; each sequence that NFKC makes one scalar of, in all
/// spellings whose scalars decompose to one each, where shorter rules do not do the same; what
/// `Nmt` does; U+FF5E stays. Source: sentencepiece 0.2.3, what its trainer writes
/// (scripts/references/replacement_rules.py compares).
struct ReplacementTable {
    /// What single scalars become.
    private var singles: [UInt32: [UInt32]] = [:]
    /// What sequences of decomposed scalars become.
    private var sequences: [[UInt32]: [UInt32]] = [:]
    /// The scalars that decompose to each one, itself among them.
    private var origins: [UInt32: Set<UInt32>] = [:]

    private var states: [DoubleArray.State] = []
    private var numbers: [DoubleArray.State: Int] = [:]
    private var text: [UInt8] = []
    private var places: [[UInt32]: Int32] = [:]

    /// The table: bytes of the trie (32 bits), the trie, the replacements. Made once.
    static let nmtNFKC = make()

    private static func make() -> [UInt8] {
        var table = ReplacementTable()
        table.addRules()
        table.addRoot()
        let units = DoubleArray(table.states).units
        var bytes: [UInt8] = []
        func add(_ number: UInt32) {
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift)))
            }
        }
        add(UInt32(units.count * 4))
        for unit in units { add(unit) }
        return bytes + table.text
    }

    // MARK: Rules

    private mutating func addRules() {
        let forms = NormalizationForms()
        for scalar in forms.decomposable { add(scalar, forms) }
        for scalar in forms.compatible { add(scalar, forms) }
        for syllable in UInt32(0xAC00)...0xD7A3 {
            sequences[forms.decomposition(of: syllable)] = [syllable]
        }
        addNewer(forms)
        let candidates = sequences.sorted { $0.key.count < $1.key.count }
        sequences = [:]
        var length = 0
        var longer: [[UInt32]: [UInt32]] = [:]
        for (sequence, target) in candidates {
            if sequence.count > length {
                sequences.merge(longer) { $1 }
                longer = [:]
                length = sequence.count
            }
            if replaced(sequence) != target { longer[sequence] = target }
        }
        sequences.merge(longer) { $1 }
        for scalar in UInt32(1)...0xFFFD where NormalizationEngine.nmt(scalar) != scalar {
            // SentencePiece leaves the joiner alone, which Hugging Face's Nmt makes a blank.
            if scalar == 0x200D { continue }
            singles[scalar] = NormalizationEngine.nmt(scalar).map { [$0] } ?? []
        }
        singles[0x061C] = [0x20]
        singles[0xFF5E] = nil
    }

    private mutating func add(_ scalar: UInt32, _ forms: NormalizationForms) {
        var parts: [UInt32] = []
        forms.decompose(scalar, true, into: &parts)
        let composed = forms.compatibleComposition([scalar])
        if composed != [scalar] { singles[scalar] = composed }
        if parts.count == 1 {
            origins[parts[0], default: []].insert(scalar)
        } else if composed != parts {
            sequences[parts] = composed
        }
    }

    /// What Unicode 10 to 17 added.
    private mutating func addNewer(_ forms: NormalizationForms) {
        var table = TableNumbers(ReplacementRules.newer)
        while let difference = table.next(), let kind = table.next() {
            table.scalar += difference
            let parts = table.targets(Int(kind >> 1))
            if kind & 1 == 1 {
                sequences[parts] = [table.scalar]
            } else {
                singles[table.scalar] = parts
                if parts.count == 1 { origins[parts[0], default: []].insert(table.scalar) }
            }
        }
    }

    /// What the rules so far make of a sequence, the longest first.
    private func replaced(_ sequence: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        var place = 0
        while place < sequence.count {
            var end = sequence.count
            while end > place + 1, sequences[Array(sequence[place..<end])] == nil { end -= 1 }
            let part = Array(sequence[place..<end])
            result += sequences[part] ?? part
            place = end
        }
        return result
    }

    // MARK: Trie

    /// A prefix of sequences.
    private struct Prefix {
        var target: [UInt32]?
        var next: [UInt32: Int] = [:]
    }

    private mutating func addRoot() {
        var prefixes = [Prefix()]
        for sequence in sequences.keys {
            var node = 0
            for scalar in sequence {
                if let next = prefixes[node].next[scalar] {
                    node = next
                } else {
                    prefixes[node].next[scalar] = prefixes.count
                    node = prefixes.count
                    prefixes.append(Prefix())
                }
            }
            prefixes[node].target = sequences[sequence]
        }
        // In order, so that the table is the same at each run.
        var starts: [UInt32: Int] = [:]
        for (scalar, node) in prefixes[0].next.sorted(by: { $0.key < $1.key }) {
            let after = entries(prefixes[node], prefixes)
            for origin in spellings(of: scalar) {
                starts[origin] = state(singles[origin].map { place(of: $0) } ?? -1, after)
            }
        }
        for (scalar, target) in singles.sorted(by: { $0.key < $1.key })
        where starts[scalar] == nil {
            starts[scalar] = state(place(of: target), [])
        }
        let root = starts.map { Entry(bytes: Self.bytes(of: $0)[...], target: $1) }
        _ = state(-1, root.sorted())
    }

    /// Bytes that lead to a node.
    private struct Entry: Comparable {
        var bytes: ArraySlice<UInt8>
        let target: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.bytes.lexicographicallyPrecedes(right.bytes)
        }
    }

    private func spellings(of scalar: UInt32) -> [UInt32] {
        (origins[scalar] ?? []).union([scalar]).sorted()
    }

    private mutating func entries(_ prefix: Prefix, _ prefixes: [Prefix]) -> [Entry] {
        var result: [Entry] = []
        for (scalar, number) in prefix.next.sorted(by: { $0.key < $1.key }) {
            let next = prefixes[number]
            let target = state(next.target.map { place(of: $0) } ?? -1, entries(next, prefixes))
            for origin in spellings(of: scalar) {
                result.append(Entry(bytes: Self.bytes(of: origin)[...], target: target))
            }
        }
        return result.sorted()
    }

    /// The node of some sorted entries; a node that goes on alike is taken again.
    private mutating func state(_ value: Int32, _ entries: [Entry]) -> Int {
        var state = DoubleArray.State(value: value)
        var index = 0
        while index < entries.count, let byte = entries[index].bytes.first {
            var end = index + 1
            while end < entries.count, entries[end].bytes.first == byte { end += 1 }
            var target = entries[index].target
            if entries[index].bytes.count > 1 {
                target = self.state(
                    -1,
                    entries[index..<end].map {
                        Entry(bytes: $0.bytes.dropFirst(), target: $0.target)
                    })
            }
            state.edges.append(DoubleArray.Edge(byte: byte, target: target))
            index = end
        }
        // The root has to be the last.
        if let known = numbers[state] { return known }
        numbers[state] = states.count
        states.append(state)
        return states.count - 1
    }

    /// Where a replacement stands in the text.
    private mutating func place(of target: [UInt32]) -> Int32 {
        if let known = places[target] { return known }
        let place = Int32(text.count)
        for scalar in target { text += Self.bytes(of: scalar) }
        text.append(0)
        places[target] = place
        return place
    }

    private static func bytes(of scalar: UInt32) -> [UInt8] {
        Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    }
}
