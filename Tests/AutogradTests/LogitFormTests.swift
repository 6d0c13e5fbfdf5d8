import Autograd
import Kernels
import TestSupport
import Testing

/// Capped logits and heads of normalised rows against PyTorch's values (scripts/references/forms.py).
@Suite struct LogitFormTests {
    static let cases = ["capped", "normalized"].flatMap { form in
        ["small", "odd", "scaled"].map { "\(form).\($0)" }
    }

    @Test(arguments: cases, Setting.all)
    func lossAndGradientsEqualPyTorch(name: String, setting: Setting) throws {
        let reference = try HeadReference(name)
        let run = OpRun(setting, gradientScale: reference.scale)
        let weight = run.parameter("weight", reference.weightShape, reference.weight)
        let x = run.leaf(reference.shape, reference.hidden)
        let loss = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: reference.targets, form: reference.form)
        run.pass.backward(from: loss)
        // Hidden and weight are rounded, then the logits' gradient and dx.
        let tolerance = setting.type.tolerance(3, wide: 2e-6)
        #expect(abs(loss.sum - reference.loss) < tolerance * reference.loss)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, reference.hiddenGradient) < tolerance)
        #expect(
            Difference.relative(run.gradient(weight), reference.weightGradient) < tolerance)
    }

    @Test(arguments: cases, Setting.all)
    func logProbabilitiesAreNegativeLosses(name: String, setting: Setting) throws {
        let reference = try HeadReference(name)
        let run = OpRun(setting)
        let weight = run.parameter("weight", reference.weightShape, reference.weight)
        let x = run.leaf(reference.shape, reference.hidden)
        let found = run.pass.targetLogProbabilities(
            x.tensor, weight: weight, targets: reference.targets, form: reference.form)
        let expected = reference.losses.map { -$0 }
        #expect(Difference.relative(found, expected) < setting.type.tolerance(3, wide: 2e-6))
    }

    // Finetuning leaves the head as it is; its rows are divided by their lengths all the same.
    @Test(arguments: cases)
    func frozenHeadsHandGradientsOn(name: String) throws {
        let reference = try HeadReference(name)
        let run = OpRun(gradientScale: reference.scale)
        let weight = run.parameter(
            "weight", reference.weightShape, reference.weight, frozen: true)
        let x = run.leaf(reference.shape, reference.hidden)
        let loss = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: reference.targets, form: reference.form)
        run.pass.backward(from: loss)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, reference.hiddenGradient) < 2e-6)
    }

    // A gradient that holds something already keeps it: the part along the rows is this pass's only.
    @Test(arguments: cases)
    func gradientsAddUp(name: String) throws {
        let reference = try HeadReference(name)
        let run = OpRun(gradientScale: reference.scale)
        let weight = run.parameter("weight", reference.weightShape, reference.weight)
        for _ in 0..<2 {
            let x = run.leaf(reference.shape, reference.hidden)
            _ = run.pass.linearCrossEntropy(
                x.tensor, weight: weight, targets: reference.targets, form: reference.form)
        }
        let twice = reference.weightGradient.map { 2 * $0 }
        #expect(Difference.relative(run.gradient(weight), twice) < 2e-6)
    }
}

/// A case of head_forms.safetensors.
private struct HeadReference {
    let shape, weightShape: Shape
    let hidden, weight, hiddenGradient, weightGradient, losses: [Float]
    let targets: [Int32]
    let loss: Double
    let scale: Float
    let form: LogitForm

    init(_ name: String) throws {
        let file = try ReferenceFile("ops/head_forms.safetensors")
        let floats = { (tensor: String) in try file.floats("\(name).\(tensor)") }
        shape = Shape(try file.shape("\(name).hidden"))
        weightShape = Shape(try file.shape("\(name).weight"))
        (hidden, weight) = (try floats("hidden"), try floats("weight"))
        (hiddenGradient, weightGradient) = (try floats("grad.hidden"), try floats("grad.weight"))
        losses = try floats("losses")
        targets = try file.integers("\(name).targets")
        loss = Double(try floats("loss")[0])
        scale = try floats("scale")[0]
        form = LogitForm(
            softcap: try floats("softcap")[0], normalizesRows: name.hasPrefix("normalized"))
    }
}
