private import CKernels
import Foundation

/// How far a model's predictions are from a reference model's.
extension Workspace {
    /// KL(q‖p) + `offset` of each row into `divergences` (rows) float32, 0 where the target is negative, with p
    /// the softmax of the logits and q that of the reference.
    ///
    /// logits and reference (rows, width) float32; with a `softcap` those meant are softcap ·
    /// tanh(logits / softcap). `reference` becomes the gradient of `scale` · Σ divergences.
    package func divergence(
        logits: Buffer, reference: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int,
        softcap: Float, offset: Float = 0, scale: Float, into divergences: Buffer
    ) {
        let first = targets.startIndex
        threads.divide(rows) { range, _ in
            for row in range {
                let x = logits.floats + row * width
                let y = reference.floats + row * width
                divergences.floats[row] = 0
                guard targets[first + row] >= 0 else {
                    for index in 0..<width { y[index] = 0 }
                    continue
                }
                let logSum = Self.logSum(x, width, softcap)
                let logSumOfReference = Self.logSum(y, width, softcap)
                var sum: Float = 0
                for index in 0..<width {
                    let capped = Self.capped(x[index], softcap)
                    let own = capped - logSum
                    let other = Self.capped(y[index], softcap) - logSumOfReference
                    let q = exp(other)
                    if q > 0 { sum += q * (other - own) }
                    let slope = softcap > 0 ? 1 - capped * capped / (softcap * softcap) : 1
                    y[index] = scale * slope * (exp(own) - q)
                }
                divergences.floats[row] = sum + offset
            }
        }
    }

    /// y += x by rows: x (rows, width) float32, y of any type with its rows `stride` elements apart.
    package func add(_ x: Buffer, to y: Buffer, rows: Int, width: Int, stride: Int) {
        threads.divide(rows) { range, _ in
            for row in range {
                lk_add(
                    y.type.rawValue, y.advanced(by: row * stride).pointer,
                    ElementType.float32.rawValue, x.floats + row * width, width)
            }
        }
    }

    private static func logSum(
        _ x: UnsafeMutablePointer<Float>, _ width: Int, _ softcap: Float
    ) -> Float {
        var top = -Float.infinity
        for index in 0..<width { top = max(top, x[index]) }
        top = capped(top, softcap)
        var sum: Float = 0
        for index in 0..<width { sum += exp(capped(x[index], softcap) - top) }
        return top + log(sum)
    }
}
