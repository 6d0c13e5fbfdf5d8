import Tokenizers

/// Hugging Face's: of pairs that are equally frequent the one with the smaller ids merges first.
struct BytePairRules: MergeRules {
    private(set) var vocabulary: Vocabulary
    private var merges: [Merge] = []
    private let size: Int
    let leastCount: Int
    private let mark: String

    /// - Parameters:
    ///   - vocabulary: what symbols are, by id
    ///   - size: tokens of the finished vocabulary
    ///   - minimumFrequency: how often a pair must occur to be merged
    ///   - mark: what a right part begins with that its union lacks
    init(_ vocabulary: Vocabulary, size: Int, minimumFrequency: Int, mark: String = "") {
        self.vocabulary = vocabulary
        self.size = size
        leastCount = max(minimumFrequency, 1)
        self.mark = mark
    }

    var isFull: Bool { vocabulary.count >= size }

    @inline(__always)
    func mayMerge(_ left: Int32, _ right: Int32) -> Bool { true }

    @inline(__always)
    func order(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    func precedes(_ pair: QueuedPair, _ other: QueuedPair) -> Bool {
        pair.count != other.count ? pair.count > other.count : pair.order < other.order
    }

    mutating func merge(_ left: Int32, _ right: Int32) -> Int32? {
        var end = (vocabulary.tokens[Int(right)] ?? "")[...]
        if !mark.isEmpty, end.utf8.starts(with: mark.utf8) {
            end = end[(end.utf8.index(end.startIndex, offsetBy: mark.utf8.count))...]
        }
        let token = (vocabulary.tokens[Int(left)] ?? "") + end
        let merged = vocabulary.id(of: token) ?? vocabulary.append(token)
        merges.append(Merge(left: left, right: right, merged: merged))
        return merged
    }

    /// The merges in their order, of those of the same pair the last: two ways to spell one token may
    /// bring a pair back.
    var distinctMerges: [Merge] {
        var seen: Set<UInt64> = []
        let kept = merges.reversed().filter { seen.insert(order($0.left, $0.right)).inserted }
        return kept.reversed()
    }
}
