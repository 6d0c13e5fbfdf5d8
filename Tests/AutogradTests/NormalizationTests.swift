import Autograd
import Kernels
import TestSupport
import Testing

/// Layer norm and RMS norm against PyTorch's values (scripts/references/ops.py).
@Suite struct NormalizationTests {
    static let layerCases = ["small", "odd", "shifted", "wide", "tiny_values"]
    static let rmsCases = ["small", "odd", "heads", "wide", "tiny_values"]

    // x is the residual stream: float32 whatever the compute type, so that only output and upstream
    // gradient are rounded. In case shifted, |x| is 20 times its deviation and an x − μ loses four
    // bits.
    @Test(arguments: layerCases, Setting.all)
    func layerNormEqualsPyTorch(name: String, setting: Setting) throws {
        let reference = try NormReference("layer_norm", name)
        let run = OpRun(setting)
        let gain = run.parameter("gain", reference.gainShape, reference.gain)
        let bias = run.parameter("bias", reference.gainShape, try #require(reference.bias))
        let x = run.leaf(reference.shape, reference.input, as: .float32)
        let y = run.pass.layerNorm(
            x.tensor, gain: gain, bias: bias, epsilon: reference.epsilon)
        #expect(y.type == setting.type && y.shape == reference.shape)
        run.backward(y, reference.upstream)
        let tolerance = setting.type.tolerance(1.5, wide: name == "shifted" ? 5e-6 : 1e-6)
        #expect(Difference.relative(run.workspace.numbers(y), reference.output) < tolerance)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, reference.inputGradient) < tolerance)
        #expect(Difference.relative(run.gradient(gain), reference.gainGradient) < tolerance)
        let dbias = try #require(reference.biasGradient)
        #expect(Difference.relative(run.gradient(bias), dbias) < tolerance)
    }

    @Test(arguments: rmsCases, Setting.all)
    func rmsNormEqualsPyTorch(name: String, setting: Setting) throws {
        let reference = try NormReference("rms_norm", name)
        // The residual stream, and a norm of heads: its input has the compute type.
        for inputType in Set([ElementType.float32, setting.type]) {
            let run = OpRun(setting)
            let gain = run.parameter("gain", reference.gainShape, reference.gain)
            let x = run.leaf(reference.shape, reference.input, as: inputType)
            let y = run.pass.rmsNorm(x.tensor, gain: gain, epsilon: reference.epsilon)
            #expect(y.type == setting.type && y.shape == reference.shape)
            run.backward(y, reference.upstream)
            // In float16 the case of tiny values has gradients about 300, well inside its range.
            let tolerance = setting.type.tolerance(2)
            #expect(Difference.relative(run.workspace.numbers(y), reference.output) < tolerance)
            let dx = try #require(x.gradient)
            #expect(Difference.relative(dx, reference.inputGradient) < tolerance)
            #expect(Difference.relative(run.gradient(gain), reference.gainGradient) < tolerance)
        }
    }

    // Gemma's norm multiplies by one more than its weight.
    @Test(arguments: ["small", "odd", "heads"], Setting.all)
    func rmsNormByOneMoreEqualsTransformers(name: String, setting: Setting) throws {
        let reference = try NormReference("rms_norm_plus_one", name)
        for inputType in Set([ElementType.float32, setting.type]) {
            let run = OpRun(setting)
            let gain = run.parameter("gain", reference.gainShape, reference.gain)
            let x = run.leaf(reference.shape, reference.input, as: inputType)
            let y = run.pass.rmsNorm(
                x.tensor, gain: gain, epsilon: reference.epsilon, addsOne: true)
            run.backward(y, reference.upstream)
            let tolerance = setting.type.tolerance(2)
            #expect(Difference.relative(run.workspace.numbers(y), reference.output) < tolerance)
            let dx = try #require(x.gradient)
            #expect(Difference.relative(dx, reference.inputGradient) < tolerance)
            #expect(Difference.relative(run.gradient(gain), reference.gainGradient) < tolerance)
        }
    }

    // Qwen3 normalises each head of a (B, T, H·D) tensor with a gain of D numbers.
    @Test(arguments: Setting.all)
    func shortGainNormsPiecesOfTheWidth(setting: Setting) throws {
        let reference = try NormReference("rms_norm", "heads")
        let run = OpRun(setting)
        let gain = run.parameter("gain", reference.gainShape, reference.gain)
        let x = run.leaf([2, 3, 64], reference.input)
        let y = run.pass.rmsNorm(x.tensor, gain: gain, epsilon: reference.epsilon)
        #expect(y.shape == [2, 3, 64])
        run.backward(y, reference.upstream)
        let tolerance = setting.type.tolerance(2)
        #expect(Difference.relative(run.workspace.numbers(y), reference.output) < tolerance)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, reference.inputGradient) < tolerance)
    }

    @Test(arguments: Setting.all)
    func frozenGainStillPassesTheGradientOn(setting: Setting) throws {
        let reference = try NormReference("layer_norm", "wide")
        let run = OpRun(setting)
        let gain = run.parameter("gain", reference.gainShape, reference.gain, frozen: true)
        let bias = run.parameter(
            "bias", reference.gainShape, try #require(reference.bias), frozen: true)
        let x = run.leaf(reference.shape, reference.input, as: .float32)
        let y = run.pass.layerNorm(
            x.tensor, gain: gain, bias: bias, epsilon: reference.epsilon)
        run.backward(y, reference.upstream)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, reference.inputGradient) < setting.type.tolerance(1.5))
    }

    @Test(arguments: Setting.all)
    func gainLearnsWhereTheInputDoesNot(setting: Setting) throws {
        let reference = try NormReference("rms_norm", "wide")
        let run = OpRun(setting)
        let gain = run.parameter("gain", reference.gainShape, reference.gain)
        let x = run.workspace.tensor(reference.shape, reference.input)
        let y = run.pass.rmsNorm(x, gain: gain, epsilon: reference.epsilon)
        run.backward(y, reference.upstream)
        let found = run.gradient(gain)
        #expect(Difference.relative(found, reference.gainGradient) < setting.type.tolerance(1.5))
    }

    @Test(arguments: Setting.all)
    func zeroRowsGiveZeroGradients(setting: Setting) {
        let run = OpRun(setting)
        let gain = run.parameter("gain", [6], [Float](repeating: 1, count: 6))
        let bias = run.parameter("bias", [6], [Float](repeating: 1, count: 6))
        let x = run.leaf([0, 6], [], as: .float32)
        let y = run.pass.layerNorm(x.tensor, gain: gain, bias: bias, epsilon: 1e-5)
        let z = run.pass.rmsNorm(x.tensor, gain: gain, epsilon: 1e-5)
        run.backward(run.pass.add(y, to: z, dropping: 0), [])
        #expect(x.gradient == [])
        #expect(run.gradient(gain) == [Float](repeating: 0, count: 6))
        #expect(run.gradient(bias) == [Float](repeating: 0, count: 6))
    }
}

/// A case of layer_norm.safetensors or rms_norm.safetensors.
private struct NormReference {
    let shape, gainShape: Shape
    let epsilon: Float
    let input, gain, output, upstream, inputGradient, gainGradient: [Float]
    let bias, biasGradient: [Float]?

    init(_ op: String, _ name: String) throws {
        let file = try ReferenceFile("ops/\(op).safetensors")
        let floats = { (tensor: String) in try file.floats("\(name).\(tensor)") }
        shape = Shape(try file.shape("\(name).input"))
        gainShape = Shape(try file.shape("\(name).weight"))
        epsilon = try floats("epsilon")[0]
        (input, gain, output) = (try floats("input"), try floats("weight"), try floats("output"))
        upstream = try floats("grad.output")
        (inputGradient, gainGradient) = (try floats("grad.input"), try floats("grad.weight"))
        let biased = file.has("\(name).bias")
        bias = biased ? try floats("bias") : nil
        biasGradient = biased ? try floats("grad.bias") : nil
    }
}
