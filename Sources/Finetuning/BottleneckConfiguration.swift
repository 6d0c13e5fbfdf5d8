import Foundation
import Kernels

/// AdapterHub's BnConfig, as far as it is computed here.
package struct BottleneckConfiguration: Equatable, Sendable {
    /// The adapter's name, which is part of its tensors' names.
    package var name = "default"
    package var afterAttention = false
    package var afterFeedForward = true
    /// The width over the bottleneck's.
    package var reductionFactor: Float = 16
    /// By block, where they differ from `reductionFactor`.
    package var reductionFactors: [Int: Float] = [:]
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

    /// The bottleneck's width at a block.
    func bottleneck(width: Int, block: Int) -> Int {
        max(1, Int((Float(width) / (reductionFactors[block] ?? reductionFactor)).rounded(.down)))
    }

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
        for factor in [reductionFactor] + reductionFactors.values where !(factor > 0) {
            throw .invalid(setting: "reduction_factor", found: "\(factor)", expected: "above 0")
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

extension BottleneckConfiguration {
    /// BnConfig keys that have to keep their usual value, as nothing else is computed here.
    private static var usual: [(key: String, value: NSObject)] {
        [
            ("original_ln_after", true as NSNumber), ("ln_before", false as NSNumber),
            ("ln_after", false as NSNumber), ("use_gating", false as NSNumber),
            ("residual_before_ln", true as NSNumber), ("cross_adapter", false as NSNumber),
            ("phm_layer", false as NSNumber), ("inv_adapter", NSNull()),
            ("adapter_residual_before_ln", false as NSNumber), ("stochastic_depth", 0 as NSNumber),
        ]
    }

    /// Reads AdapterHub's adapter_config.json; `nil` where it is none.
    ///
    /// - Throws: ``FinetuningError/badConfiguration(file:reason:)`` and
    ///   ``FinetuningError/unsupported(what:advice:)``.
    static func read(
        _ text: String, file: String
    ) throws(FinetuningError) -> BottleneckConfiguration? {
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8))
        guard let values = object as? [String: Any] else {
            throw .badConfiguration(file: file, reason: "it is no JSON object")
        }
        guard let inner = values["config"] as? [String: Any], values["peft_type"] == nil else {
            return nil
        }
        let architecture = inner["architecture"] as? String
        guard architecture == nil, inner["reduction_factor"] != nil else {
            throw .unsupported(
                what: "\(file): architecture \(architecture ?? "unknown")",
                advice: "of AdapterHub's, bottleneck adapters are")
        }
        for (key, value) in usual {
            let found = inner[key] as? NSObject ?? value
            guard found == value else {
                throw .unsupported(
                    what: "\(file): \(key) \(found)", advice: "\(value) is what is computed here")
            }
        }
        var configuration = BottleneckConfiguration()
        configuration.name = values["name"] as? String ?? "default"
        configuration.afterAttention = flag(inner["mh_adapter"]) ?? false
        configuration.afterFeedForward = flag(inner["output_adapter"]) ?? true
        configuration.nonLinearity = inner["non_linearity"] as? String ?? "relu"
        configuration.addsResidualFirst = flag(inner["original_ln_before"]) ?? false
        configuration.isParallel = flag(inner["is_parallel"]) ?? false
        configuration.dropout = (inner["dropout"] as? NSNumber)?.floatValue ?? 0
        configuration.initialWeights = inner["init_weights"] as? String ?? "bert"
        configuration.leftOut = inner["leave_out"] as? [Int] ?? []
        guard let scaling = inner["scaling"] as? NSNumber else {
            throw .unsupported(
                what: "\(file): scaling \(inner["scaling"] ?? "missing")",
                advice: "a number is")
        }
        configuration.scaling = scaling.floatValue
        if let factor = inner["reduction_factor"] as? NSNumber {
            configuration.reductionFactor = factor.floatValue
        } else if let factors = inner["reduction_factor"] as? [String: NSNumber] {
            configuration.reductionFactor = factors["default"]?.floatValue ?? 16
            for (key, value) in factors where key != "default" {
                guard let block = Int(key) else { continue }
                configuration.reductionFactors[block] = value.floatValue
            }
        }
        try configuration.validate()
        return configuration
    }

    private static func flag(_ value: Any?) -> Bool? { (value as? NSNumber)?.boolValue }

    /// The text of AdapterHub's adapter_config.json.
    func adapterConfiguration(
        width: Int, modelClass: String, modelName: String, modelType: String
    ) throws(FinetuningError) -> String {
        var factor: Any = Double(reductionFactor)
        if !reductionFactors.isEmpty {
            var factors = ["default": Double(reductionFactor)]
            for (block, value) in reductionFactors { factors[String(block)] = Double(value) }
            factor = factors
        } else if reductionFactor == reductionFactor.rounded() {
            factor = Int(reductionFactor)
        }
        var inner: [String: Any] = [
            "mh_adapter": afterAttention, "output_adapter": afterFeedForward,
            "reduction_factor": factor, "non_linearity": nonLinearity,
            "original_ln_before": addsResidualFirst, "is_parallel": isParallel,
            "scaling": "SCALING", "dropout": Double(dropout),
            "init_weights": initialWeights, "leave_out": leftOut, "architecture": NSNull(),
            "init_weights_seed": NSNull(), "inv_adapter_reduction_factor": NSNull(),
        ]
        for (key, value) in Self.usual { inner[key] = value }
        let text = try AdapterFolder.json([
            "config": inner, "hidden_size": width, "model_class": modelClass,
            "model_name": modelName, "model_type": modelType, "name": name,
            "version": "adapters.1.3.0",
        ])
        // AdapterHub takes 4.0 for a number here, but not 4.
        return text.replacingOccurrences(of: "\"SCALING\"", with: "\(scaling)")
    }
}
