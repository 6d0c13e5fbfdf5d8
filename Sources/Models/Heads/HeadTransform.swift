import Autograd
import Kernels

/// What a head does before its product: norm(f(W x + b)), or without a norm.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805; `BertPredictionHeadTransform` of transformers.
package struct HeadTransform {
    let dense: Linear  // (E, C)
    let activation: Activation
    let norm: LayerNorm?  // (E)

    /// x (…, C) → (…, E), of the compute type.
    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        let y = pass.activation(activation, dense(x, pass))
        return norm?(y, pass) ?? y
    }
}
