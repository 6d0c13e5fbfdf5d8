import Autograd
import Kernels
import TestSupport
import Testing

/// Element-wise functions against PyTorch's values (scripts/references/ops.py).
@Suite struct ActivationTests {
    static let kinds: [(name: String, kind: Activation)] = [
        ("gelu_tanh", .geluTanh), ("gelu_erf", .gelu), ("silu", .silu), ("relu", .relu),
    ]

    // Random numbers, a grid from −12 to 12, and ±30 and ±90, where exponentials end.
    @Test(arguments: kinds, Setting.all)
    func functionsAndSlopesEqualPyTorch(
        _ function: (name: String, kind: Activation), setting: Setting
    ) throws {
        let file = try ReferenceFile("ops/activations.safetensors")
        for part in ["random", "grid", "large"] {
            let prefix = "\(function.name).\(part)."
            let run = OpRun(setting)
            let input = try file.floats(prefix + "input")
            let x = run.leaf(Shape(try file.shape(prefix + "input")), input)
            let y = run.pass.activation(function.kind, x.tensor)
            #expect(y.type == setting.type && y.shape == x.tensor.shape)
            run.backward(y, try file.floats(prefix + "grad.output"))
            // The functions are accurate to some 2⁻²² of their argument. In the narrow types input
            // and output are rounded; slopes bend by up to 1.2 a unit.
            let tolerance = setting.type.tolerance(2)
            let output = try file.floats(prefix + "output")
            #expect(Difference.relative(run.workspace.numbers(y), output) < tolerance, "\(part)")
            let slope = try file.floats(prefix + "grad.input")
            let dx = try #require(x.gradient)
            let bound = setting.type.tolerance(part == "random" ? 4 : 2)
            #expect(Difference.relative(dx, slope) < bound, "\(part)")
            guard setting.type == .float32 else { continue }
            // Element by element, so that small values count too.
            for (index, found) in run.workspace.numbers(y).enumerated() {
                let bound = 3e-7 * max(abs(input[index]), 1e-3)
                #expect(abs(found - output[index]) <= bound, "\(part) \(input[index])")
            }
        }
    }

    @Test(arguments: ["small", "odd", "wide"], Setting.all)
    func gatedActivationEqualsPyTorch(name: String, setting: Setting) throws {
        let file = try ReferenceFile("ops/activations.safetensors")
        let prefix = "silu_product.\(name)."
        let run = OpRun(setting)
        let shape = Shape(try file.shape(prefix + "gate"))
        let gate = run.leaf(shape, try file.floats(prefix + "gate"))
        let up = run.leaf(shape, try file.floats(prefix + "up"))
        let y = run.pass.gated(.silu, gate: gate.tensor, up: up.tensor)
        run.backward(y, try file.floats(prefix + "grad.output"))
        // Gate, up, upstream gradient and result are rounded.
        let tolerance = setting.type.tolerance(2)
        let output = try file.floats(prefix + "output")
        #expect(Difference.relative(run.workspace.numbers(y), output) < tolerance)
        for (leaf, input) in [(gate, "gate"), (up, "up")] {
            let found = try #require(leaf.gradient)
            let wanted = try file.floats(prefix + "grad." + input)
            #expect(Difference.relative(found, wanted) < tolerance, "\(input)")
        }
    }

    // The other gates, from the function and the product: f(gate) · up, up · f′(gate), f(gate).
    @Test(arguments: kinds, Setting.all)
    func everyGateIsItsFunctionTimesUp(
        _ function: (name: String, kind: Activation), setting: Setting
    ) throws {
        let file = try ReferenceFile("ops/activations.safetensors")
        let prefix = "\(function.name).grid."
        let (input, output) = (
            try file.floats(prefix + "input"), try file.floats(prefix + "output")
        )
        let upstream = try file.floats(prefix + "grad.output")
        let slope = try file.floats(prefix + "grad.input")
        var numbers = TestNumbers("gates")
        let factors = numbers.normal(input.count)
        let run = OpRun(setting)
        let gate = run.leaf([input.count], input)
        let up = run.leaf([input.count], factors)
        let y = run.pass.gated(function.kind, gate: gate.tensor, up: up.tensor)
        run.backward(y, upstream)
        let tolerance = setting.type.tolerance(2)
        let product = { (a: [Float], b: [Float]) in zip(a, b).map { $0 * $1 } }
        let found = run.workspace.numbers(y)
        #expect(Difference.relative(found, product(output, factors)) < tolerance)
        let (dgate, dup) = (try #require(gate.gradient), try #require(up.gradient))
        #expect(Difference.relative(dgate, product(slope, factors)) < tolerance)
        #expect(Difference.relative(dup, product(output, upstream)) < tolerance)
    }

    @Test(arguments: Setting.all)
    func zeroRowsPass(setting: Setting) {
        let run = OpRun(setting)
        let x = run.leaf([0, 4], [])
        let y = run.pass.gated(
            .silu, gate: run.pass.activation(.geluTanh, x.tensor), up: x.tensor)
        run.backward(y, [])
        #expect(x.gradient == [])
    }
}
