import Autograd
import Kernels

/// What an encoder's language head does before the product with the vocabulary: norm(f(W x + b)).
///
/// Source: Devlin et al. 2019, arXiv:1810.04805; `BertPredictionHeadTransform` of transformers.
package struct HeadTransform {
    let dense: Linear  // (E, C)
    let activation: Activation
    let norm: LayerNorm  // (E)

    /// x (…, C) → (…, E), of the compute type.
    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        norm(pass.activation(activation, dense(x, pass)), pass)
    }
}
