private import CKernels
import Foundation

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

    /// An index drawn as often as softmax(score · scale) has it, by walking the scores in their order.
    ///
    /// - Parameter uniform: on [0, 1).
    package static func drawn(_ scores: [Float], scale: Float, uniform: Double) -> Int {
        let likeliest = likeliest(scores)
        guard scores.indices.contains(likeliest), scores[likeliest] > -.infinity else { return 0 }
        let top = scores[likeliest]
        // Sums of blocks first: of one block only the single powers are needed.
        let block = 1024
        let sums = scores.withUnsafeBufferPointer { buffer in
            stride(from: 0, to: buffer.count, by: block).map { start in
                buffer.baseAddress.map {
                    lk_sum_of_exponentials(
                        $0 + start, min(block, buffer.count - start), top, scale)
                } ?? 0
            }
        }
        var left = uniform * sums.reduce(0, +)
        let number = sums.firstIndex { sum in
            if left < sum { return true }
            left -= sum
            return false
        }
        guard let number else { return likeliest }
        var last = likeliest
        for index in number * block..<min((number + 1) * block, scores.count) {
            let power = exp(Double((scores[index] - top) * scale))
            guard power > 0 else { continue }
            left -= power
            last = index
            if left < 0 { return index }
        }
        // Powers and their sum are rounded differently.
        return last
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
