import Autograd
import Kernels

/// A range of the flat gradients that is summed over ranks in one go.
package struct GradientBucket {
    /// Elements of the flat arrays.
    package let range: Range<Int>
    /// The parameters whose gradients lie in it, wholly or in part.
    let parameters: [ObjectIdentifier]
    /// Whether one of them is read row by row in float32.
    let isLookedUp: Bool
    /// Where its parameters begin, if ranks are to own whole ones.
    var starts: [Int]?

    /// Divides a store's flat arrays: every bucket but the last has at least `bytes` of float32
    /// gradients and ends where a parameter ends; a parameter larger than that is a bucket alone,
    /// unless smaller ones come before it.
    ///
    /// - Parameters:
    ///   - apart: parameters that are buckets alone in any case.
    ///   - ownsWholeParameters: whether no rank's share cuts a parameter.
    static func buckets(
        of store: ParameterStore, bytes: Int, apart: Set<ObjectIdentifier> = [],
        ownsWholeParameters: Bool = false
    ) -> [GradientBucket] {
        let borders = Set(store.turns.flatMap { [$0.lowerBound, $0.upperBound] })
        let most = max(1, bytes / 4)
        var buckets: [GradientBucket] = []
        var start = 0
        var members: [Parameter] = []
        var starts: [Int] = []
        for (index, slot) in store.slots.enumerated() {
            let end = index + 1 < store.slots.count ? store.slots[index + 1].offset : store.count
            let next = index + 1 < store.slots.count ? store.slots[index + 1].parameter : nil
            let isCut = [slot.parameter, next].contains {
                $0.map { apart.contains(ObjectIdentifier($0)) } ?? false
            }
            members.append(slot.parameter)
            starts.append(slot.offset)
            if end - start >= most || end == store.count || isCut || borders.contains(end) {
                buckets.append(
                    GradientBucket(
                        range: start..<end, parameters: members.map { ObjectIdentifier($0) },
                        isLookedUp: members.contains(where: \.isLookedUp),
                        starts: ownsWholeParameters ? starts : nil))
                start = end
                members = []
                starts = []
            }
        }
        return buckets
    }

    /// Rank `rank`'s share of the bucket; shares start at multiples of 32 elements, or where
    /// parameters do, which are such multiples too.
    package func share(of rank: Int, ranks: Int) -> Range<Int> {
        if let starts {
            // The parameter that begins nearest to where an even share would.
            let cuts = starts + [range.upperBound]
            func cut(_ number: Int) -> Int {
                let even = range.lowerBound + range.count * number / ranks
                return cuts.min { abs($0 - even) < abs($1 - even) } ?? range.upperBound
            }
            return (rank == 0 ? range.lowerBound : cut(rank))..<cut(rank + 1)
        }
        let blocks = (range.count + 31) / 32
        let first = range.lowerBound + blocks * rank / ranks * 32
        let last = range.lowerBound + blocks * (rank + 1) / ranks * 32
        return min(first, range.upperBound)..<min(last, range.upperBound)
    }
}
