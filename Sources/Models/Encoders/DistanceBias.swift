import Autograd
import Kernels

/// MPNet's biases on the scores, by how far a key is from its query: T5's buckets, for all layers.
struct DistanceBias {
    let table: Parameter  // (rows, H)
    /// transformers has these whatever the table's rows.
    private let buckets = RelativeBuckets(count: 32, largestDistance: 128, isBidirectional: true)

    init(_ scope: Scope, _ configuration: EncoderConfiguration) {
        table = scope.parameter(
            "weight", [configuration.distanceRows, configuration.numAttentionHeads],
            .normal(deviation: configuration.initializerRange))
        table.isLookedUp = true
        table.productShare = 0
        // A matrix, but a bias.
        table.decays = false
    }

    /// → (H, 2T − 1) float32.
    func callAsFunction(length: Int, _ pass: ForwardPass) -> Tensor {
        pass.relativeBias(table, buckets: buckets.rows(queries: length, keys: length))
    }
}
