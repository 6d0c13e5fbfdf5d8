package import Autograd
package import Files
package import Kernels
import Models

/// What a model takes of memory, compared with what there is before it is taken.
package enum ModelMemory {
    /// Bytes of parameters, gradients and moments, as a ``ParameterStore`` and the optimizer take
    /// them.
    ///
    /// - Parameters:
    ///   - moments: numbers that the optimizer keeps for each trained one, on this rank.
    ///   - gradients: the part of the trained ones that have gradients at once.
    package static func bytes(
        of parameters: [Parameter], computeType: ElementType, training: Bool, moments: Double = 0,
        gradients: Double = 1
    ) -> Int {
        let wide = ElementType.float32.bytes
        let bytes = parameters.reduce(0.0) { sum, parameter in
            guard parameter.quantized == nil, parameter.lender == nil else { return sum }
            let count = Double(parameter.count)
            guard training, parameter.isTrainable else {
                return sum + count * Double(parameter.valueType(computeType).bytes)
            }
            // Masters and their copies, or both in halves; then the gradient.
            return sum + count * (1 + gradients + moments) * Double(wide)
        }
        return Int(min(bytes, 1e18))
    }

    /// Throws where memory lacks room for `bytes` on this rank, or for as much on each rank of the
    /// host.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` with what is needed, what there is, and what to do.
    package static func check(
        _ bytes: Int, ranks: Int = 1, limits: MemoryLimits = .now()
    ) throws(ModelFileError) {
        for limit in limits.limits {
            // What other ranks have taken already is not left for this one, nor lacking for them.
            let all = bytes.multipliedReportingOverflow(by: ranks)
            let isTooMuch = all.overflow || all.partialValue > limit.bytes
            guard bytes > limit.left || isTooMuch else { continue }
            let shared = ranks > 1 ? " on each of the host's \(ranks) ranks" : ""
            throw .user(
                "the model takes \(gigabytes(bytes)) of memory\(shared) for its weights and what "
                    + "training keeps beside them, but \(limit.name) is \(gigabytes(limit.bytes)) "
                    + "with \(gigabytes(limit.left)) left; take a smaller model, fewer ranks a "
                    + "host, zero_stage: 1, quantization_bit or LoRA, or a machine with more memory"
            )
        }
    }

    private static func gigabytes(_ bytes: Int) -> String {
        let tenths = (Double(bytes) / 1e8).rounded() / 10
        return "\(tenths) GB"
    }
}
