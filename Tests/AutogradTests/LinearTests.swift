import Autograd
import Kernels
import TestSupport
import Testing

/// Linear layers against PyTorch's values (scripts/references/ops.py).
@Suite struct LinearTests {
    static let cases = [
        "plain", "bias", "odd", "odd_bias", "one_row", "one_column", "wide",
    ]

    @Test(arguments: cases, Setting.all)
    func outputAndGradientsEqualPyTorch(name: String, setting: Setting) throws {
        let reference = try LinearReference(name)
        for layout in [WeightLayout.outputsByInputs, .inputsByOutputs] {
            let run = OpRun(setting)
            let (weight, bias) = reference.parameters(run, layout)
            let x = run.leaf(reference.inputShape, reference.input)
            let y = run.pass.linear(x.tensor, weight: weight, bias: bias, layout: layout)
            #expect(y.type == setting.type && y.shape == reference.outputShape)
            run.backward(y, reference.upstream)
            // Roundings: input, weight and output; upstream and the like in the gradients.
            let tolerance = setting.type.tolerance(1.5)
            #expect(Difference.relative(run.workspace.numbers(y), reference.output) < tolerance)
            let dx = try #require(x.gradient)
            #expect(Difference.relative(dx, reference.inputGradient) < tolerance)
            let dw = reference.transposed(run.gradient(weight), from: layout)
            #expect(Difference.relative(dw, reference.weightGradient) < tolerance)
            if let bias, let expected = reference.biasGradient {
                #expect(Difference.relative(run.gradient(bias), expected) < tolerance)
            }
        }
    }

    @Test(arguments: cases, Setting.all)
    func residualIsAddedInFloat32(name: String, setting: Setting) throws {
        let reference = try LinearReference(name)
        var numbers = TestNumbers(name)
        for layout in [WeightLayout.outputsByInputs, .inputsByOutputs] {
            let run = OpRun(setting)
            let (weight, bias) = reference.parameters(run, layout)
            let x = run.leaf(reference.inputShape, reference.input)
            let added = numbers.normal(reference.output.count)
            let residual = run.leaf(reference.outputShape, added, as: .float32)
            let y = run.pass.linear(
                x.tensor, addingTo: residual.tensor, weight: weight, bias: bias, layout: layout)
            #expect(y.type == .float32)
            run.backward(y, reference.upstream)
            let expected = zip(reference.output, added).map { $0 + $1 }
            let tolerance = setting.type.tolerance(1.5)
            #expect(Difference.relative(run.workspace.numbers(y), expected) < tolerance)
            // The residual's gradient is the upstream one, bit for bit.
            #expect(residual.gradient == reference.upstream)
            #expect(run.workspace.numbers(residual.tensor) == added)
            let dx = try #require(x.gradient)
            #expect(Difference.relative(dx, reference.inputGradient) < tolerance)
            let dw = reference.transposed(run.gradient(weight), from: layout)
            #expect(Difference.relative(dw, reference.weightGradient) < tolerance)
            if let bias, let wanted = reference.biasGradient {
                #expect(Difference.relative(run.gradient(bias), wanted) < tolerance)
            }
        }
    }

    @Test(arguments: Setting.all)
    func parameterGradientsAreAddedTo(setting: Setting) throws {
        let reference = try LinearReference("odd_bias")
        let run = OpRun(setting)
        let (weight, bias) = reference.parameters(run, .outputsByInputs)
        let x = run.leaf(reference.inputShape, reference.input)
        let y = run.pass.linear(x.tensor, weight: weight, bias: bias)
        let gradient = try #require(weight.gradient)
        run.workspace.fill(gradient, count: weight.count, with: 10)
        run.backward(y, reference.upstream)
        let found = run.gradient(weight).map { $0 - 10 }
        // Sums near 10 carry 10 · 2⁻²⁴ each.
        let tolerance = setting.type.tolerance(1.5, wide: 5e-6)
        #expect(Difference.relative(found, reference.weightGradient) < tolerance)
    }

    @Test(arguments: Setting.all)
    func frozenWeightsPassTheGradientOn(setting: Setting) throws {
        let reference = try LinearReference("wide")
        let run = OpRun(setting)
        let weight = run.parameter("weight", reference.weightShape, reference.weight, frozen: true)
        let x = run.leaf(reference.inputShape, reference.input)
        let y = run.pass.linear(x.tensor, weight: weight, bias: nil)
        run.backward(y, reference.upstream)
        #expect(weight.gradient == nil)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, reference.inputGradient) < setting.type.tolerance(1.5))
    }

    @Test(arguments: Setting.all)
    func zeroRowsGiveZeroGradients(setting: Setting) {
        for layout in [WeightLayout.outputsByInputs, .inputsByOutputs] {
            let run = OpRun(setting)
            let shape: Shape = layout == .outputsByInputs ? [5, 8] : [8, 5]
            let weight = run.parameter("weight", shape, [Float](repeating: 1, count: 40))
            let bias = run.parameter("bias", [5], [Float](repeating: 1, count: 5))
            let x = run.leaf([0, 8], [])
            let residual = run.leaf([0, 5], [], as: .float32)
            let y = run.pass.linear(
                x.tensor, addingTo: residual.tensor, weight: weight, bias: bias, layout: layout)
            #expect(y.shape == [0, 5])
            run.backward(y, [])
            #expect(x.gradient == [] && residual.gradient == [])
            #expect(run.gradient(weight) == [Float](repeating: 0, count: 40))
            #expect(run.gradient(bias) == [Float](repeating: 0, count: 5))
        }
    }
}

/// A case of linear.safetensors.
private struct LinearReference {
    let inputShape, outputShape, weightShape: Shape
    let input, weight, output, upstream, inputGradient, weightGradient: [Float]
    let bias, biasGradient: [Float]?

    init(_ name: String) throws {
        let file = try ReferenceFile("ops/linear.safetensors")
        let floats = { (tensor: String) in try file.floats("\(name).\(tensor)") }
        inputShape = Shape(try file.shape("\(name).input"))
        outputShape = Shape(try file.shape("\(name).output"))
        weightShape = Shape(try file.shape("\(name).weight"))
        (input, weight, output) = (try floats("input"), try floats("weight"), try floats("output"))
        upstream = try floats("grad.output")
        inputGradient = try floats("grad.input")
        weightGradient = try floats("grad.weight")
        let biased = file.has("\(name).bias")
        bias = biased ? try floats("bias") : nil
        biasGradient = biased ? try floats("grad.bias") : nil
    }

    func parameters(
        _ run: OpRun, _ layout: WeightLayout
    ) -> (weight: Parameter, bias: Parameter?) {
        let (outputs, inputs) = (weightShape.extents[0], weightShape.extents[1])
        let bias = bias.map { run.parameter("bias", [outputs], $0) }
        guard layout == .inputsByOutputs else {
            return (run.parameter("weight", weightShape, weight), bias)
        }
        let turned = (0..<inputs * outputs).map { weight[$0 % outputs * inputs + $0 / outputs] }
        return (run.parameter("weight", [inputs, outputs], turned), bias)
    }

    /// Numbers of a weight of `layout` as (out, in).
    func transposed(_ numbers: [Float], from layout: WeightLayout) -> [Float] {
        guard layout == .inputsByOutputs else { return numbers }
        let (outputs, inputs) = (weightShape.extents[0], weightShape.extents[1])
        return (0..<inputs * outputs).map { numbers[$0 % inputs * outputs + $0 / inputs] }
    }
}
