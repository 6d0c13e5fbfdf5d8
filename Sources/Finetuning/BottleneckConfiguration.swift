import Files
import Kernels

/// AdapterHub's BnConfig, as far as it is computed here.
package struct BottleneckConfiguration: Equatable, Sendable {
    /// The adapter's name, which is part of its tensors' names.
    package var name = "default"
    package var afterAttention = false
    package var afterFeedForward = true
    /// The width over the bottleneck's.
    package var reductionFactor = 16.0
    /// By block, where they differ from `reductionFactor`.
    package var reductionFactors: [Int: Double] = [:]
    /// As AdapterHub spells it: relu, swish, silu, gelu, gelu_new.
    package var nonLinearity = "relu"
    /// Whether the adapter reads the sum with the residual, not the sublayer's output alone.
    package var addsResidualFirst = true
    /// Whether it reads the residual and works beside the sublayer.
    package var isParallel = false
    package var scaling: Float = 1
    /// Of elements of the adapter's output, in training.
    package var dropout: Float = 0
    /// `bert`: N(0, 0.02²); `mam_adapter`: down uniform on ±1/√in, up zero; `houlsby`: N(0, 0.01²).
    package var initialWeights = "bert"
    /// Blocks without adapters.
    package var leftOut: [Int] = []

    package init() {}

    /// AdapterHub's presets: `seq_bn` (arXiv:2005.00247), `double_seq_bn` (arXiv:1902.00751),
    /// `par_bn` (arXiv:2110.04366); `pfeiffer`, `houlsby`, `sequential` and `parallel` too.
    ///
    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` for another name.
    package init(preset: String) throws(FinetuningError) {
        switch preset {
        case "seq_bn", "pfeiffer", "sequential": break
        case "double_seq_bn", "houlsby":
            afterAttention = true
            addsResidualFirst = false
            nonLinearity = "swish"
        case "par_bn", "parallel", "scaled_parallel":
            isParallel = true
            addsResidualFirst = false
            reductionFactor = 2
            scaling = 4
            initialWeights = "mam_adapter"
        default:
            throw .invalid(
                setting: "the bottleneck adapter", found: preset,
                expected: "seq_bn, double_seq_bn or par_bn")
        }
    }

    /// The bottleneck's width at a block: Python's `width // factor`, at least 1.
    ///
    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` for one that no adapter has.
    package func bottleneck(width: Int, block: Int) throws(FinetuningError) -> Int {
        let factor = reductionFactors[block] ?? reductionFactor
        let rest = Double(width).truncatingRemainder(dividingBy: factor)
        let inner = ((Double(width) - rest) / factor).rounded()
        guard inner <= Double(Self.largestBottleneck) else {
            throw .invalid(
                setting: "reduction_factor", found: "\(factor) of a width of \(width)",
                expected: "a bottleneck of at most \(Self.largestBottleneck)")
        }
        return max(1, Int(inner))
    }

    /// Far above the width of any model; a larger one is a mistake.
    private static let largestBottleneck = 65_536

    var activation: Activation? {
        switch nonLinearity.lowercased() {
        case "relu": .relu
        case "swish", "silu": .silu
        case "gelu": .gelu
        case "gelu_new", "gelu_pytorch_tanh": .geluTanh
        default: nil
        }
    }

    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)``.
    func validate() throws(FinetuningError) {
        for factor in [reductionFactor] + reductionFactors.values
        where !(factor > 0 && factor.isFinite) {
            throw .invalid(
                setting: "reduction_factor", found: "\(factor)", expected: "above 0 and finite")
        }
        guard scaling.isFinite else {
            throw .invalid(setting: "scaling", found: "\(scaling)", expected: "a finite number")
        }
        guard activation != nil else {
            throw .invalid(
                setting: "non_linearity", found: nonLinearity,
                expected: "relu, swish, silu, gelu or gelu_new")
        }
        guard ["bert", "mam_adapter", "houlsby"].contains(initialWeights) else {
            throw .invalid(
                setting: "init_weights", found: initialWeights,
                expected: "bert, mam_adapter or houlsby")
        }
        guard afterAttention || afterFeedForward else {
            throw .invalid(
                setting: "mh_adapter and output_adapter", found: "false", expected: "one of them")
        }
        guard dropout >= 0, dropout < 1 else {
            throw .invalid(
                setting: "dropout", found: "\(dropout)", expected: "at least 0 and below 1")
        }
    }
}
