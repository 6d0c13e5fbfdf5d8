import Autograd
import Kernels
import Models

/// The numbers of one module's factors, float32.
struct LowRankFactors: Equatable {
    var a: [Float]  // (R, in)
    var b: [Float]  // (out, R)
    var magnitude: [Float]?  // (out)
    var rank: Int
    var scale: Float

    /// Adds the low-rank change to the module's weight, in float32, and rounds once to how the
    /// weight is kept.
    func merge(into module: LoRAPlan.Module, in workspace: Workspace) {
        let weight = module.weight
        var sum = self.sum(with: workspace.numbers(weight), module, in: workspace)
        if let magnitude { rescale(&sum, to: magnitude, module) }
        workspace.assign(sum, to: weight)
    }

    /// W + s · B A in the weight's layout.
    func sum(
        with weight: [Float], _ module: LoRAPlan.Module, in workspace: Workspace
    ) -> [Float] {
        let (inputs, outputs) = (module.inputs, module.outputs)
        let bufferB = workspace.tensor([outputs, rank], b).buffer
        let total = workspace.tensor([weight.count], weight).buffer
        let scaled = workspace.tensor([rank, inputs], a.map { $0 * scale }).buffer
        if module.isInputsByOutputs {
            // Aᵀ Bᵀ, (in, out).
            workspace.matrices.multiply(
                MatrixProduct(
                    rows: inputs, columns: outputs, inner: rank, transposeA: true,
                    transposeB: true, accumulate: true), scaled, bufferB, into: total)
        } else {
            workspace.matrices.multiply(
                MatrixProduct(rows: outputs, columns: inputs, inner: rank, accumulate: true),
                bufferB, scaled, into: total)
        }
        return workspace.numbers(total, count: weight.count)
    }

    private func rescale(
        _ sum: inout [Float], to magnitude: [Float], _ module: LoRAPlan.Module
    ) {
        let norms = module.outputSquares(sum).map { $0.squareRoot() }
        let factors = zip(magnitude, norms).map { $1 == 0 ? 1 : Double($0) / $1 }
        let outputs = module.outputs
        let inputs = module.inputs
        for index in sum.indices {
            let output = module.isInputsByOutputs ? index % outputs : index / inputs
            sum[index] = Float(Double(sum[index]) * factors[output])
        }
    }
}

extension LoRAPlan.Module {
    /// Whether the weight lies (in, out): Conv1D, and an embedding's table.
    var isInputsByOutputs: Bool {
        switch self {
        case .linear(let linear): linear.layout == .inputsByOutputs
        case .embedding: true
        }
    }

    /// Σ w² over the inputs of each output.
    func outputSquares(_ weight: [Float]) -> [Double] {
        var squares = [Double](repeating: 0, count: outputs)
        if isInputsByOutputs {
            for row in stride(from: 0, to: weight.count, by: outputs) {
                for output in 0..<outputs {
                    let value = Double(weight[row + output])
                    squares[output] += value * value
                }
            }
        } else {
            for output in 0..<outputs {
                var sum = 0.0
                for value in weight[output * inputs..<(output + 1) * inputs] {
                    sum += Double(value) * Double(value)
                }
                squares[output] = sum
            }
        }
        return squares
    }
}
