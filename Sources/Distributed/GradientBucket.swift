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

    /// Divides a store's flat arrays: every bucket but the last has at least `bytes` of float32
    /// gradients and ends where a parameter ends; a parameter larger than that is a bucket alone,
    /// unless smaller ones come before it.
    ///
    /// - Parameter apart: parameters that are buckets alone in any case.
    static func buckets(
        of store: ParameterStore, bytes: Int, apart: Set<ObjectIdentifier> = []
    ) -> [GradientBucket] {
        let most = max(1, bytes / 4)
        var buckets: [GradientBucket] = []
        var start = 0
        var members: [Parameter] = []
        for (index, slot) in store.slots.enumerated() {
            let end = index + 1 < store.slots.count ? store.slots[index + 1].offset : store.count
            let next = index + 1 < store.slots.count ? store.slots[index + 1].parameter : nil
            let isCut = [slot.parameter, next].contains {
                $0.map { apart.contains(ObjectIdentifier($0)) } ?? false
            }
            members.append(slot.parameter)
            if end - start >= most || end == store.count || isCut {
                buckets.append(
                    GradientBucket(
                        range: start..<end, parameters: members.map { ObjectIdentifier($0) },
                        isLookedUp: members.contains(where: \.isLookedUp)))
                start = end
                members = []
            }
        }
        return buckets
    }

    /// Rank `rank`'s share of the bucket; shares start at multiples of 32 elements.
    package func share(of rank: Int, ranks: Int) -> Range<Int> {
        let blocks = (range.count + 31) / 32
        let first = range.lowerBound + blocks * rank / ranks * 32
        let last = range.lowerBound + blocks * (rank + 1) / ranks * 32
        return min(first, range.upperBound)..<min(last, range.upperBound)
    }
}
