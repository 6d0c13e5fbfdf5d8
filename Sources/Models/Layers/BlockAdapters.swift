package import Autograd

/// What finetuning makes of a sublayer, attention or feed-forward, and its residual.
package protocol BlockAdapter: AnyObject {
    /// What takes the place of residual + sublayer, (B, T, C) float32.
    ///
    /// - Parameter sublayer: the sublayer's output in the compute type, or, given the residual, the
    ///   float32 sum of both. To be called once.
    func output(
        residual: Tensor, in pass: ForwardPass, sublayer: (_ residual: Tensor?) -> Tensor
    ) -> Tensor
}

/// The slots of one block for what finetuning adds.
package final class BlockAdapters {
    package var attention: (any BlockAdapter)?
    package var feedForward: (any BlockAdapter)?

    package init() {}

    /// Runs attention, `sublayer`, with what is in its slot.
    func attention(
        _ residual: Tensor, _ pass: ForwardPass, _ sublayer: (Tensor?) -> Tensor
    ) -> Tensor {
        run(attention, residual, pass, sublayer)
    }

    /// Runs the feed-forward layer, `sublayer`, with what is in its slot.
    func feedForward(
        _ residual: Tensor, _ pass: ForwardPass, _ sublayer: (Tensor?) -> Tensor
    ) -> Tensor {
        run(feedForward, residual, pass, sublayer)
    }

    private func run(
        _ adapter: (any BlockAdapter)?, _ residual: Tensor, _ pass: ForwardPass,
        _ sublayer: (Tensor?) -> Tensor
    ) -> Tensor {
        guard let adapter, pass.appliesAdapters else { return sublayer(residual) }
        return adapter.output(residual: residual, in: pass, sublayer: sublayer)
    }
}
