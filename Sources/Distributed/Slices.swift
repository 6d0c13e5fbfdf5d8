/// A part of a buffer for each rank of a group, in elements.
struct Slices {
    private(set) var ranges: [Range<Int>]

    init(_ ranges: [Range<Int>]) { self.ranges = ranges }

    init(counts: [Int], offsets: [Int]) {
        ranges = zip(counts, offsets).map { $1..<$1 + $0 }
    }

    /// Slices of a buffer that follow one another and differ by one element at most.
    static func even(count: Int, among ranks: Int) -> Slices {
        let (counts, offsets) = evenSlices(of: count, among: ranks)
        return Slices(counts: counts, offsets: offsets)
    }

    subscript(rank: Int) -> Range<Int> { ranges[rank] }

    /// Elements of the longest slice.
    var longest: Int { ranges.lazy.map(\.count).max() ?? 0 }

    /// Elements of all slices.
    var total: Int { ranges.lazy.map(\.count).reduce(0, +) }

    /// Elements `start ..< start + length` of each slice, as far as it has them.
    func segment(from start: Int, length: Int) -> Slices {
        Slices(
            ranges.map { range in
                min(
                    range.lowerBound + start, range.upperBound)..<min(
                        range.lowerBound + start + length, range.upperBound)
            })
    }

    /// The slices of some ranks, in their order.
    func of(_ ranks: [Int]) -> Slices { Slices(ranks.map { ranges[$0] }) }

    /// The elements of `count` slices from number `first` on, around the end; neighbours joined.
    func runs(from first: Int, count: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for index in first..<first + count {
            let range = ranges[index % ranges.count]
            if range.isEmpty { continue }
            if let last = runs.last, last.upperBound == range.lowerBound {
                runs[runs.count - 1] = last.lowerBound..<range.upperBound
            } else {
                runs.append(range)
            }
        }
        return runs
    }
}

/// Slices of `count` elements that differ by one element at most, the longer ones first.
package func evenSlices(of count: Int, among ranks: Int) -> (counts: [Int], offsets: [Int]) {
    let counts = (0..<ranks).map { count / ranks + ($0 < count % ranks ? 1 : 0) }
    var offsets: [Int] = []
    var next = 0
    for count in counts {
        offsets.append(next)
        next += count
    }
    return (counts, offsets)
}
