/// SentencePiece's normalization in one go: replacements, then what is done to blanks.
struct SpaceMarking: Sendable {
    private let map: PrecompiledMap?
    /// Blanks at the ends go, and of several one stays.
    private let removesExtra: Bool
    /// A mark is put before a text that is not empty.
    private let addsPrefix: Bool

    private static let blank = UInt8(ascii: " ")
    private static let mark = Array(Metaspace.mark.utf8)

    /// `nil` where the steps of a normalizer are others than ``SentencePieceModel/spaceSteps`` makes, with or
    /// without replacements before them.
    init?(_ normalizer: TextNormalizer) {
        var rest = normalizer.steps[...]
        var map: PrecompiledMap?
        if case .precompiled(let table)? = rest.first {
            map = table
            rest = rest.dropFirst()
        }
        let choices = [(false, false), (false, true), (true, false), (true, true)]
        let choice = choices.first { removesExtra, addsPrefix in
            rest.elementsEqual(
                SentencePieceModel.spaceSteps(removesExtra: removesExtra, addsPrefix: addsPrefix))
        }
        guard let choice else { return nil }
        self.map = map
        (removesExtra, addsPrefix) = choice
    }

    /// Whether printable ASCII without blanks gets a mark and stays as it is.
    var onlyMarksWords: Bool { removesExtra && addsPrefix && map?.leavesASCII != false }

    /// The normalized form of valid UTF-8.
    func normalize(_ bytes: [UInt8]) -> [UInt8] {
        guard let map, !(map.leavesASCII && bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F }) else {
            return mark(bytes)
        }
        return mark(map.normalize(bytes))
    }

    private func mark(_ bytes: [UInt8]) -> [UInt8] {
        var (start, end) = (0, bytes.count)
        if removesExtra {
            while start < end, bytes[start] == Self.blank { start += 1 }
            while end > start, bytes[end - 1] == Self.blank { end -= 1 }
        }
        if start == end { return [] }
        var result: [UInt8] = []
        result.reserveCapacity(2 * bytes.count + Self.mark.count)
        if addsPrefix { result += Self.mark }
        for index in start..<end {
            if bytes[index] != Self.blank {
                result.append(bytes[index])
            } else if !(removesExtra && bytes[index + 1] == Self.blank) {
                result += Self.mark
            }
        }
        return result
    }
}
