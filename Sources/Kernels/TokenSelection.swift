private import CKernels

/// Choosing among the scores of a vocabulary; NaN never counts.
package enum TokenSelection {
    /// The index of the largest score, the first where several are equal.
    package static func likeliest(_ scores: [Float]) -> Int {
        scores.withUnsafeBufferPointer { scores in
            scores.baseAddress.map { lk_index_of_maximum($0, scores.count) } ?? 0
        }
    }

    /// Indices of the `count` largest scores, largest first, of equal ones the last index first (as
    /// where transformers sorts upwards); and of all others that equal the last of them.
    package static func largest(_ count: Int, of scores: [Float]) -> [Int32] {
        let count = min(count, scores.count)
        guard count > 0 else { return [] }
        return scores.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return [] }
            let threshold = [Float](unsafeUninitializedCapacity: count) { heap, initialized in
                guard let place = heap.baseAddress else { return }
                place[0] = lk_largest_threshold(base, buffer.count, count, place)
                initialized = 1
            }
            guard let threshold = threshold.first else { return [] }
            let found = lk_indices_at_least(base, buffer.count, threshold, nil, 0)
            let indices = [Int32](unsafeUninitializedCapacity: found) { indices, initialized in
                guard let place = indices.baseAddress else { return }
                initialized = min(
                    lk_indices_at_least(base, buffer.count, threshold, place, found), found)
            }
            return indices.sorted { (base[Int($0)], $0) > (base[Int($1)], $1) }
        }
    }

    /// Σ e^((score − top) · scale) over all scores.
    package static func sumOfExponentials(_ scores: [Float], top: Float, scale: Float) -> Double {
        scores.withUnsafeBufferPointer { scores in
            scores.baseAddress.map {
                lk_sum_of_exponentials($0, scores.count, top, scale)
            } ?? 0
        }
    }
}
