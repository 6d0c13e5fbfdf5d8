import Foundation

/// Weights of target tokens that depend on what a model says of them, float32.
///
/// logits (rows, width) float32; with a `softcap` those meant are softcap · tanh(logits / softcap).
extension Workspace {
    /// softmax(logits)[target] of each row, 0 where the target is negative.
    package func targetProbabilities(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, softcap: Float,
        into weights: Buffer
    ) {
        let first = targets.startIndex
        threads.divide(rows) { range, _ in
            for row in range {
                let target = Int(targets[first + row])
                let x = UnsafeBufferPointer(start: logits.floats + row * width, count: width)
                guard target >= 0 else {
                    weights.floats[row] = 0
                    continue
                }
                let chosen = Self.capped(x[target], softcap)
                var sum: Float = 0
                for value in x { sum += exp(Self.capped(value, softcap) - chosen) }
                weights.floats[row] = 1 / sum
            }
        }
    }

    /// The entropy of each row's softmax over its `count` largest logits.
    package func largestEntropies(
        logits: Buffer, rows: Int, width: Int, softcap: Float, count: Int, into weights: Buffer
    ) {
        let count = min(count, width)
        threads.divide(rows) { range, _ in
            // In falling order.
            var largest = [Float](repeating: 0, count: count)
            for row in range {
                for index in largest.indices { largest[index] = -.infinity }
                for value in UnsafeBufferPointer(start: logits.floats + row * width, count: width)
                where value > largest[count - 1] {
                    var place = count - 1
                    while place > 0, largest[place - 1] < value {
                        largest[place] = largest[place - 1]
                        place -= 1
                    }
                    largest[place] = value
                }
                let top = Self.capped(largest[0], softcap)
                var (sum, mean): (Float, Float) = (0, 0)
                for value in largest {
                    let distance = Self.capped(value, softcap) - top
                    let weight = exp(distance)
                    sum += weight
                    // e⁻∞ · ∞ is nothing here.
                    if weight > 0 { mean += weight * distance }
                }
                weights.floats[row] = max(0, log(sum) - mean / sum)
            }
        }
    }

    static func capped(_ x: Float, _ softcap: Float) -> Float {
        softcap > 0 ? softcap * tanh(x / softcap) : x
    }
}
