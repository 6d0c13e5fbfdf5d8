/// Makes one changed input of some seeds: the same for the same seeds, run and number.
struct Mutator {
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]
    private var state: UInt64 = 0

    /// Numbers at which sizes, signs and types end.
    private static let integers: [Int64] = [
        0, 1, -1, 127, 128, 255, 256, 32767, 65535, 65536, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        0x1_0000_0000, 1 << 39, 1 << 53, .max, .min,
    ]
    private static let numerals = [
        "0", "-1", "1", "2", "255", "2147483647", "2147483648", "4294967296", "9007199254740993",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e14", "1e300",
        "1e-300", "1e999", "-0.0", "0.5", "NaN", "Infinity", "null", "true", "\"1\"", "[]", "{}",
    ].map { Array($0.utf8) }
    /// More is more of the same.
    private static let longest = 1 << 20

    /// - Parameters:
    ///   - seeds: inputs that are right; at least one.
    ///   - words: what a format's words are, to be put in.
    init(seeds: [[UInt8]], words: [String]) {
        self.seeds = seeds
        self.words = words.map { Array($0.utf8) }
    }

    /// Input `index` of run `run`.
    mutating func input(_ index: Int, run: UInt64) -> [UInt8] {
        state = run &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(index) &* 0xD1B5_4A32_D192_ED03
        var bytes = seeds[below(seeds.count)]
        for _ in 0...below(below(4) == 0 ? 16 : 3) { change(&bytes) }
        return bytes.count > Self.longest ? Array(bytes[..<Self.longest]) : bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes = seeds[below(seeds.count)]
            return
        }
        let place = below(bytes.count)
        switch below(14) {
        case 0: bytes[place] ^= 1 << UInt8(below(8))
        case 1: bytes[place] = UInt8(below(256))
        case 2: bytes.removeSubrange(range(from: place, in: bytes, atMost: 64))
        case 3:
            bytes.insert(contentsOf: bytes[range(from: place, in: bytes, atMost: 64)], at: place)
        case 4: bytes.insert(contentsOf: (0...below(8)).map { _ in UInt8(below(256)) }, at: place)
        case 5: bytes.removeSubrange(place...)
        case 6: overwrite(&bytes, at: place, with: Self.integers[below(Self.integers.count)])
        case 7, 8: replaceNumeral(&bytes, from: place)
        case 9:
            let other = seeds[below(seeds.count)]
            guard !other.isEmpty else { return }
            let part = other[range(from: below(other.count), in: other, atMost: 256)]
            bytes.insert(contentsOf: part, at: place)
        case 10:
            // A piece many times over: depth, length.
            let part = Array(bytes[range(from: place, in: bytes, atMost: 4)])
            for _ in 0..<below(below(8) == 0 ? 4096 : 32) {
                bytes.insert(contentsOf: part, at: place)
                if bytes.count > Self.longest { return }
            }
        case 11:
            let from = range(from: below(bytes.count), in: bytes, atMost: 32)
            let part = Array(bytes[from])
            for (offset, byte) in part.enumerated() where place + offset < bytes.count {
                bytes[place + offset] = byte
            }
        default:
            guard !words.isEmpty else {
                bytes[place] = bytes[below(bytes.count)]
                return
            }
            let word = words[below(words.count)]
            if below(2) == 0 { bytes.removeSubrange(range(from: place, in: bytes, atMost: 8)) }
            bytes.insert(contentsOf: word, at: min(place, bytes.count))
        }
    }

    private mutating func overwrite(_ bytes: inout [UInt8], at place: Int, with value: Int64) {
        let width = 1 << below(4)
        for byte in 0..<width where place + byte < bytes.count {
            bytes[place + byte] = UInt8(truncatingIfNeeded: value >> Int64(8 * byte))
        }
    }

    /// Another number in place of the next one in the text.
    private mutating func replaceNumeral(_ bytes: inout [UInt8], from place: Int) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard let first = bytes[place...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: Self.numerals[below(Self.numerals.count)])
    }

    private mutating func range(from place: Int, in bytes: [UInt8], atMost: Int) -> Range<Int> {
        place..<min(bytes.count, place + 1 + below(atMost))
    }

    /// A number from 0 on that is smaller than `count`: SplitMix64 (Steele et al. 2014).
    private mutating func below(_ count: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(count))
    }
}
