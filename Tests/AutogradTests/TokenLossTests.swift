import Autograd
import Kernels
import TestSupport
import Testing

/// Losses of target tokens besides cross-entropy, against PyTorch's values
/// (scripts/references/token_losses.py).
@Suite struct TokenLossTests {
    private func form(_ name: String, _ file: ReferenceFile) throws -> LossForm {
        let alpha = try file.floats(name + ".alpha")[0]
        return switch name.prefix(4) {
        case "dft.": LossForm(tokenLoss: DynamicFinetuningLoss())
        case "eaft": LossForm(tokenLoss: EntropyAdaptiveLoss(alpha: alpha))
        case "smoo": .smoothed(alpha)
        default: .anchored(alpha: alpha)
        }
    }

    @Test(
        arguments: [
            "dft.small", "dft.odd", "dft.capped", "eaft.small", "eaft.odd", "eaft.capped",
            "asft.small", "asft.odd", "asft.capped",
            "smoothed.small", "smoothed.odd", "smoothed.capped",
        ], Setting.all)
    func lossAndGradientsEqualPyTorch(name: String, setting: Setting) throws {
        let file = try ReferenceFile("ops/token_losses.safetensors")
        let run = OpRun(setting, gradientScale: try file.floats(name + ".scale")[0])
        let weight = run.parameter(
            "weight", Shape(try file.shape(name + ".weight")), try file.floats(name + ".weight"))
        let x = run.leaf(
            Shape(try file.shape(name + ".hidden")), try file.floats(name + ".hidden"))
        let reference =
            file.has(name + ".reference")
            ? run.leaf(x.tensor.shape, try file.floats(name + ".reference")) : nil
        let loss = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: try file.integers(name + ".targets"),
            form: LogitForm(softcap: try file.floats(name + ".softcap")[0]),
            lossForm: try form(name, file), reference: reference?.tensor)
        run.pass.backward(from: loss)
        // Hidden and weight are rounded, then the logits' gradient and dx; the weights of the
        // tokens are made of the logits, too.
        // The divergence subtracts logarithms of about 5 from one another: in float32 twice as many
        // roundings stay.
        let tolerance = setting.type.tolerance(5, wide: name.hasPrefix("asft") ? 2e-6 : 1e-6)
        let expected = Double(try file.floats(name + ".loss")[0])
        #expect(abs(loss.sum - expected) < tolerance * expected)
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, try file.floats(name + ".grad.hidden")) < tolerance)
        let dw = try file.floats(name + ".grad.weight")
        #expect(Difference.relative(run.gradient(weight), dw) < tolerance)
    }

    /// Weights that are the same wherever the logits move.
    private struct Fixed: TokenLoss {
        let numbers: [Float]

        func weigh(
            logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, softcap: Float,
            into weights: Buffer, in workspace: Workspace
        ) {
            workspace.store(Array(numbers[targets.startIndex..<targets.endIndex]), into: weights)
        }
    }

    // 40 rows are two chunks.
    @Test(arguments: [Float(0), 1.5])
    func theGradientIsThatOfTheWeightedSum(softcap: Float) throws {
        let (rows, width, vocabulary) = (40, 5, 11)
        var numbers = TestNumbers("token losses")
        let (x, w) = (numbers.normal(rows * width), numbers.normal(vocabulary * width))
        let direction = numbers.normal(rows * width)
        let targets = numbers.integers(rows, below: vocabulary).enumerated().map {
            $0.offset % 7 == 3 ? -100 : $0.element
        }
        let fixed = Fixed(numbers: numbers.normal(rows).map(abs))
        let evaluate = { (x: [Float]) -> (loss: Double, dx: [Float]) in
            let run = OpRun()
            let weight = run.parameter("weight", [vocabulary, width], w)
            let leaf = run.leaf([rows, width], x)
            let loss = run.pass.linearCrossEntropy(
                leaf.tensor, weight: weight, targets: targets, form: LogitForm(softcap: softcap),
                lossForm: LossForm(tokenLoss: fixed))
            run.pass.backward(from: loss)
            return (loss.sum, leaf.gradient ?? [])
        }
        let step: Float = 1e-2
        let ahead = evaluate(zip(x, direction).map { $0 + step * $1 }).loss
        let behind = evaluate(zip(x, direction).map { $0 - step * $1 }).loss
        let slope = zip(evaluate(x).dx, direction).reduce(0.0) {
            $0 + Double($1.0) * Double($1.1)
        }
        // The third derivative's share at a step of 1/100, and float32's rounding over it.
        #expect(abs((ahead - behind) / Double(2 * step) - slope) < 1e-2 * abs(slope) + 1e-2)
    }

    @Test func aModelDoesNotDivergeFromItself() {
        var numbers = TestNumbers("itself")
        let (x, w) = (numbers.normal(37 * 13), numbers.normal(97 * 13))
        let targets = numbers.integers(37, below: 97)
        let evaluate = { (form: LossForm) -> (Double, [Float]) in
            let run = OpRun()
            let weight = run.parameter("weight", [97, 13], w)
            let leaf = run.leaf([37, 13], x)
            let loss = run.pass.linearCrossEntropy(
                leaf.tensor, weight: weight, targets: targets, lossForm: form,
                reference: leaf.tensor)
            run.pass.backward(from: loss)
            return (loss.sum, leaf.gradient ?? [])
        }
        let (loss, gradient) = evaluate(LossForm(tokenLoss: DynamicFinetuningLoss()))
        let (anchored, other) = evaluate(.anchored(alpha: 3))
        // Sums of 97 numbers in float32.
        #expect(abs(anchored - loss) < 1e-3)
        #expect(Difference.relative(other, gradient) < 1e-4)
    }

    @Test func weightsOfOneAreTheCrossEntropy() throws {
        var numbers = TestNumbers("ones")
        let (x, w) = (numbers.normal(37 * 13), numbers.normal(97 * 13))
        let targets = numbers.integers(37, below: 97)
        let gradients = { (tokenLoss: (any TokenLoss)?) -> (Double, [Float]) in
            let run = OpRun()
            let weight = run.parameter("weight", [97, 13], w)
            let leaf = run.leaf([37, 13], x)
            let loss = run.pass.linearCrossEntropy(
                leaf.tensor, weight: weight, targets: targets,
                lossForm: LossForm(tokenLoss: tokenLoss))
            run.pass.backward(from: loss)
            return (loss.sum, run.gradient(weight))
        }
        let (loss, gradient) = gradients(nil)
        #expect(gradients(EntropyAdaptiveLoss(alpha: 0)) == (loss, gradient))
        #expect(gradients(Fixed(numbers: [Float](repeating: 1, count: 37))) == (loss, gradient))
    }

    @Test func whatIsUnlikelyHardlyCountsInDFTAndWhatIsSureDoesNotInEAFT() throws {
        let run = OpRun()
        let weight = run.parameter("weight", [3, 1], [0, 0, 40])
        let x = run.leaf([2, 1], [1, 0])
        let dft = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: [0, 1],
            lossForm: LossForm(tokenLoss: DynamicFinetuningLoss()))
        // The first token has a probability of e⁻⁴⁰; the second one of a third.
        let third = 1.0986123 / 3
        #expect(abs(dft.sum - third) < 1e-5)
        let eaft = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: [0, 1],
            lossForm: LossForm(tokenLoss: EntropyAdaptiveLoss(alpha: 1)))
        // ln 3 · ln 3 / 3: the entropy of three alike.
        #expect(abs(eaft.sum - 1.0986123 * 1.0986123 / 3) < 1e-5)
    }
}
