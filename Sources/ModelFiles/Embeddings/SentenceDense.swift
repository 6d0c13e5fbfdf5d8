import Files
import Foundation
import WeightFiles

/// sentence-transformers' Dense module: f(W x + b).
struct SentenceDense: Sendable {
    private let weight: [Float]  // (out, in)
    private let bias: [Float]  // (out), or empty
    private let inputs: Int
    private let outputs: Int
    private let isTanh: Bool

    /// - Throws: ``ModelFileError`` for missing weights, and for an activation that is not supported.
    init(_ folder: String) throws(ModelFileError) {
        let file = folder + "/config.json"
        let object = try SentenceFolder.object(
            SentenceFolder.needed("config.json", in: folder), file)
        guard let inputs = object["in_features"]?.integer,
            let outputs = object["out_features"]?.integer, inputs > 0, outputs > 0
        else { throw .user("\(file): expected in_features and out_features above 0") }
        let activation = object["activation_function"]
        switch activation?.string?.split(separator: ".").last {
        case "Tanh": isTanh = true
        case nil where activation == nil: isTanh = true
        case "Identity": isTanh = false
        default:
            throw .user(
                "\(file): activation_function: found \(activation?.kind ?? "nothing"), supported: "
                    + "Tanh, Identity")
        }
        let hasBias = try SentenceFolder.flag("bias", object, default: true)
        try SentenceFolder.refuseUnused(
            object,
            harmless: SentenceFolder.wholeText.merging(["use_residual": .flag(false)]) { $1 })
        do throws(WeightFileError) {
            let weights = try HuggingFaceFolder(path: folder)
            func numbers(_ name: String, _ shape: [Int]) throws(WeightFileError) -> [Float] {
                let found = try weights.shape(name)
                guard found == shape else {
                    throw .shape(entry: name, found: found, expected: shape, file: folder)
                }
                return try weights.floats(name)
            }
            weight = try numbers("linear.weight", [outputs, inputs])
            bias = hasBias ? try numbers("linear.bias", [outputs]) : []
        } catch {
            throw .weightFile(error)
        }
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
            return Float(isTanh ? tanh(sum) : sum)
        }
    }
}
