import Files
import Foundation

/// sentence-transformers' Dense module: f(W x + b).
struct SentenceDense: Sendable {
    private let weight: [Float]  // (out, in)
    private let bias: [Float]  // (out), or empty
    private let inputs: Int
    private let outputs: Int
    private let activation: Activation

    /// torch's modules that may stand behind the product, by the last part of their names.
    private enum Activation: String, CaseIterable {
        case tanh = "Tanh"
        case identity = "Identity"
        case relu = "ReLU"
        case gelu = "GELU"
        case sigmoid = "Sigmoid"
        case silu = "SiLU"

        func callAsFunction(_ x: Double) -> Double {
            switch self {
            case .tanh: Foundation.tanh(x)
            case .identity: x
            case .relu: max(x, 0)
            case .gelu: x * 0.5 * (1 + erf(x / 2.0.squareRoot()))
            case .sigmoid: 1 / (1 + exp(-x))
            case .silu: x / (1 + exp(-x))
            }
        }
    }

    /// - Throws: ``ModelFileError`` for missing weights, and for an activation that is not supported.
    init(_ folder: String) throws(ModelFileError) {
        let file = folder + "/config.json"
        let object = try SentenceFolder.object(
            SentenceFolder.needed("config.json", in: folder), file)
        guard let inputs = object["in_features"]?.integer,
            let outputs = object["out_features"]?.integer, inputs > 0, outputs > 0
        else { throw .user("\(file): expected in_features and out_features above 0") }
        let named = object["activation_function"]
        guard
            let activation = named == nil
                ? Activation.tanh
                : named?.string?.split(separator: ".").last.flatMap({
                    Activation(rawValue: String($0))
                })
        else {
            throw .user(
                "\(file): activation_function: found \(named?.kind ?? "nothing"), supported: "
                    + Activation.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.activation = activation
        let hasBias = try SentenceFolder.flag("bias", object, default: true)
        try SentenceFolder.refuseUnused(
            object,
            harmless: SentenceFolder.wholeText.merging(["use_residual": .flag(false)]) { $1 })
        let arrays = try SentenceFolder.arrays(
            [("linear.weight", [outputs, inputs])] + (hasBias ? [("linear.bias", [outputs])] : []),
            in: folder)
        (weight, bias) = (arrays[0], hasBias ? arrays[1] : [])
        (self.inputs, self.outputs) = (inputs, outputs)
    }

    func callAsFunction(_ x: [Float], of folder: String) throws(ModelFileError) -> [Float] {
        guard x.count == inputs else {
            throw .user("\(folder): its Dense module takes \(inputs) numbers, but gets \(x.count)")
        }
        return (0..<outputs).map { row in
            var sum = bias.isEmpty ? 0 : Double(bias[row])
            for column in 0..<inputs {
                sum += Double(weight[row * inputs + column]) * Double(x[column])
            }
            return Float(activation(sum))
        }
    }
}
