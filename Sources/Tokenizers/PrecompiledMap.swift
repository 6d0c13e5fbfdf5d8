import Foundation

/// SentencePiece's table of replacements, the `Precompiled` normalizer of tokenizer.json.
///
/// A double-array trie (Yata's Darts-clone format) from byte strings to places in a text of
/// replacements that zero bytes end. Hugging Face looks up whole grapheme clusters, or else their
/// characters; SentencePiece, whose models it comes from, the longest key at each place.
package struct PrecompiledMap: Sendable, Equatable {
    /// The table as tokenizer.json writes it.
    let base64: String
    /// Keys are looked up as SentencePiece does.
    let takesLongest: Bool
    /// Bytes that a key may become.
    let longestReplacement: Int
    private let units: [UInt32]
    private let replacements: [UInt8]
    /// No key is of printable ASCII alone.
    let leavesASCII: Bool
    /// Grapheme clusters of this many bytes and more are replaced character by character.
    private static let longCluster = 6

    /// Reads a table: bytes of the trie (32 bits), the trie, the replacements.
    ///
    /// `nil` where the text is not such a table.
    init?(base64: String, takesLongest: Bool = false) {
        guard let data = Data(base64Encoded: base64), data.count >= 4 else { return nil }
        let bytes = Array(data)
        func word(_ place: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
        }
        let size = Int(word(0))
        guard size >= 4, size % 4 == 0, size <= bytes.count - 4 else { return nil }
        let units = stride(from: 4, to: 4 + size, by: 4).map(word)
        self.units = units
        leavesASCII = !Self.hasASCIIKey(units)
        replacements = Array(bytes[(4 + size)...])
        self.base64 = base64
        self.takesLongest = takesLongest
        longestReplacement =
            replacements.split(separator: 0).map(\.count).max() ?? 0
        guard String(validating: replacements, as: UTF8.self) != nil else { return nil }
    }

    /// A table as SentencePiece's models hold it, used as SentencePiece does; `nil` where it is none.
    init?(table: [UInt8]) {
        self.init(base64: Data(table).base64EncodedString(), takesLongest: true)
    }

    /// Valid UTF-8 with all replacements made.
    func normalize(_ bytes: [UInt8]) -> [UInt8] {
        takesLongest ? normalizeLongest(bytes) : normalizeClusters(bytes)
    }

    private func normalizeLongest(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if leavesASCII, Self.isASCII(bytes[index]),
                index + 1 == bytes.count || Self.isASCII(bytes[index + 1])
            {
                result.append(bytes[index])
                index += 1
            } else if let (length, replacement) = longest(at: index, of: bytes) {
                result += replacement
                index += length
            } else {
                let end = index + ScalarClasses.length(startingWith: bytes[index])
                result += bytes[index..<end]
                index = end
            }
        }
        return result
    }

    private func normalizeClusters(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for character in String(decoding: bytes, as: UTF8.self) {
            let cluster = Array(character.utf8)
            if cluster.count < Self.longCluster, let found = replacement(of: cluster[...]) {
                result += found
                continue
            }
            var index = 0
            while index < cluster.count {
                let end = index + ScalarClasses.length(startingWith: cluster[index])
                let scalar = cluster[index..<end]
                result += replacement(of: scalar) ?? scalar
                index = end
            }
        }
        return result
    }

    /// The same, of a text that knows the places of its scalars.
    func normalize(_ text: inout AlignedText) {
        var changes: [AlignedText.Change] = []
        var isChanged = false
        func replace(_ old: [UInt8], _ new: ArraySlice<UInt8>) {
            isChanged = true
            let scalars = String(decoding: new, as: UTF8.self).unicodeScalars
            for scalar in scalars { changes.append((scalar.value, 0)) }
            let more = scalars.count - old.count { $0 & 0xC0 != 0x80 }
            if more > 0 {
                for place in changes.indices.suffix(more) { changes[place].change = 1 }
            } else if more < 0, !changes.isEmpty {
                changes[changes.count - 1].change += more
            }
        }
        let bytes = text.utf8().bytes
        if takesLongest {
            var index = 0
            while index < bytes.count {
                if let (length, replacement) = longest(at: index, of: bytes) {
                    replace(Array(bytes[index..<(index + length)]), replacement)
                    index += length
                } else {
                    changes.append((ScalarClasses.scalar(at: index, of: bytes), 0))
                    index += ScalarClasses.length(startingWith: bytes[index])
                }
            }
            if isChanged { text.transform(changes) }
            return
        }
        for character in String(decoding: bytes, as: UTF8.self) {
            let cluster = Array(character.utf8)
            if cluster.count < Self.longCluster, let found = replacement(of: cluster[...]) {
                replace(cluster, found)
                continue
            }
            for scalar in character.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                if let found = replacement(of: bytes[...]) {
                    replace(bytes, found)
                } else {
                    changes.append((scalar.value, 0))
                }
            }
        }
        if isChanged { text.transform(changes) }
    }

    private static func isASCII(_ byte: UInt8) -> Bool { (0x20..<0x7F).contains(byte) }

    private static func hasASCIIKey(_ units: [UInt32]) -> Bool {
        var waiting = [offset(units[0])]
        // A damaged table could lead in circles.
        var steps = 0
        while let base = waiting.popLast(), steps < units.count {
            for byte in 0x20..<0x7F where units.indices.contains(base ^ byte) {
                let unit = units[base ^ byte]
                guard unit & 0x8000_00FF == UInt32(byte) else { continue }
                if unit >> 8 & 1 == 1 { return true }
                waiting.append(base ^ byte ^ offset(unit))
                steps += 1
            }
        }
        return steps >= units.count
    }

    /// The longest key that begins at `index`: its bytes, and what it is replaced by.
    private func longest(at index: Int, of bytes: [UInt8]) -> (Int, ArraySlice<UInt8>)? {
        var node = Self.offset(units[0])
        var found: (Int, ArraySlice<UInt8>)?
        var place = index
        while place < bytes.count, bytes[place] != 0 {
            node ^= Int(bytes[place])
            guard units.indices.contains(node) else { break }
            let unit = units[node]
            guard unit & 0x8000_00FF == UInt32(bytes[place]) else { break }
            node ^= Self.offset(unit)
            place += 1
            guard unit >> 8 & 1 == 1 else { continue }
            guard units.indices.contains(node) else { break }
            let start = Int(units[node] & 0x7FFF_FFFF)
            guard start < replacements.count else { break }
            found = (place - index, replacements[start...].prefix { $0 != 0 })
        }
        return found
    }

    /// What the shortest key that begins `bytes` is replaced by.
    ///
    /// Hugging Face replaces all of `bytes` by it, even where the key is shorter.
    private func replacement(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var node = Self.offset(units[0])
        for byte in bytes {
            if byte == 0 { return nil }
            node ^= Int(byte)
            guard units.indices.contains(node) else { return nil }
            let unit = units[node]
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            node ^= Self.offset(unit)
            guard unit >> 8 & 1 == 1 else { continue }
            guard units.indices.contains(node) else { return nil }
            let start = Int(units[node] & 0x7FFF_FFFF)
            guard start <= replacements.count else { return nil }
            return replacements[start...].prefix { $0 != 0 }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int {
        Int((unit >> 10) << ((unit & 0x200) >> 6))
    }
}
