import Autograd
import Kernels
import TestSupport
import Testing

/// The loss at the head against PyTorch's values (scripts/references/ops.py).
@Suite struct LinearCrossEntropyTests {
    @Test(arguments: ["small", "odd", "scaled"], Setting.all)
    func lossAndGradientsEqualPyTorch(name: String, setting: Setting) throws {
        let file = try ReferenceFile("ops/cross_entropy.safetensors")
        let prefix = "head.\(name)."
        let run = OpRun(setting, gradientScale: try file.floats(prefix + "scale")[0])
        let shape = Shape(try file.shape(prefix + "weight"))
        let weight = run.parameter("weight", shape, try file.floats(prefix + "weight"))
        let x = run.leaf(
            Shape(try file.shape(prefix + "hidden")), try file.floats(prefix + "hidden"))
        let loss = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: try file.integers(prefix + "targets"))
        run.pass.backward(from: loss)
        // Hidden and weight are rounded, then the logits' gradient and dx.
        let tolerance = setting.type.tolerance(3)
        let expected = Double(try file.floats(prefix + "loss")[0])
        #expect(abs(loss.sum - expected) < tolerance * expected)
        #expect(loss.targets == Int(try file.integers(prefix + "count")[0]))
        let dx = try #require(x.gradient)
        #expect(Difference.relative(dx, try file.floats(prefix + "grad.hidden")) < tolerance)
        let dw = try file.floats(prefix + "grad.weight")
        #expect(Difference.relative(run.gradient(weight), dw) < tolerance)
    }

    @Test(arguments: Setting.all)
    func logProbabilitiesAreNegativeLosses(setting: Setting) throws {
        let file = try ReferenceFile("ops/cross_entropy.safetensors")
        let run = OpRun(setting)
        let shape = Shape(try file.shape("head.odd.weight"))
        let weight = run.parameter("weight", shape, try file.floats("head.odd.weight"))
        let x = run.leaf([37, 13], try file.floats("head.odd.hidden"))
        let targets = try file.integers("head.odd.targets")
        let found = run.pass.targetLogProbabilities(x.tensor, weight: weight, targets: targets)
        let expected = try file.floats("head.odd.losses").map { -$0 }
        #expect(Difference.relative(found, expected) < setting.type.tolerance(3))
        let logits = run.workspace.numbers(run.pass.logits(x.tensor, weight: weight))
        #expect(logits.count == 37 * 97)
    }

    // 2100 rows of 97 are several chunks, the last one shorter: the sums must not depend on that.
    @Test(arguments: Setting.all)
    func chunksAddUp(setting: Setting) throws {
        let file = try ReferenceFile("ops/cross_entropy.safetensors")
        let copies = 60
        let hidden = try file.floats("head.odd.hidden")
        let targets = try file.integers("head.odd.targets")
        let run = OpRun(setting)
        let weight = run.parameter("weight", [97, 13], try file.floats("head.odd.weight"))
        let x = run.leaf([37 * copies, 13], (0..<copies).flatMap { _ in hidden })
        let loss = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: (0..<copies).flatMap { _ in targets })
        run.pass.backward(from: loss)
        let tolerance = setting.type.tolerance(3)
        let expected = Double(try file.floats("head.odd.loss")[0]) * Double(copies)
        #expect(abs(loss.sum - expected) < tolerance * expected)
        let dw = try file.floats("head.odd.grad.weight").map { $0 * Float(copies) }
        #expect(Difference.relative(run.gradient(weight), dw) < tolerance)
        let dx = try file.floats("head.odd.grad.hidden")
        let wanted = (0..<copies).flatMap { _ in dx }
        #expect(Difference.relative(try #require(x.gradient), wanted) < tolerance)
    }

    // (rows, V) would be 64 MiB in float32.
    @Test(arguments: Setting.all)
    func logitsNeverExistWhole(setting: Setting) {
        let (rows, vocabulary, width) = (2048, 8192, 4)
        let run = OpRun(setting)
        var numbers = TestNumbers("logits")
        let weight = run.parameter(
            "weight", [vocabulary, width], numbers.normal(vocabulary * width))
        let x = run.leaf([rows, width], numbers.normal(rows * width))
        let loss = run.pass.linearCrossEntropy(
            x.tensor, weight: weight, targets: numbers.integers(rows, below: vocabulary))
        run.pass.backward(from: loss)
        // Half of the rows in float32, and in the compute type where that is another one. float16
        // widens the latter again to multiply it.
        let whole = rows * vocabulary * 4
        let shares: [ElementType: Double] = [.float32: 0.5, .bfloat16: 0.75, .float16: 1.25]
        let share = shares[setting.type, default: 0]
        #expect(Double(run.workspace.pool.bytesFromSystem) < Double(whole) * (share + 0.1))
        #expect(x.gradient?.contains { $0 != 0 } == true)
    }

    // In the memory of gradients that only count as zero: `other`'s, of an odd size.
    @Test(arguments: Setting.all)
    func logitsStandInGradientsThatCountAsZero(setting: Setting) throws {
        let (rows, vocabulary, width) = (512, 16_384, 32)
        let workspace = Workspace(threads: setting.threads)
        let weight = Parameter(
            name: "weight", shape: [vocabulary, width], initializer: .normal(deviation: 1))
        let other = Parameter(
            name: "other", shape: [rows * vocabulary + 1], initializer: .zeros)
        let store = ParameterStore(
            [weight, other], computeType: setting.type, training: true, in: workspace)
        store.initialize(seed: 3)
        var numbers = TestNumbers("lent")
        let (x, targets) = (
            numbers.normal(rows * width), numbers.integers(rows, below: vocabulary)
        )
        var (losses, gradients, taken) = ([Double](), [[Float]](), [Int]())
        for scratchGradients in [nil, store] {
            store.clearGradients()
            workspace.pool.trim()
            let before = workspace.pool.bytesFromSystem
            let run = OpRun(setting, in: workspace, scratchGradients: scratchGradients)
            let leaf = run.leaf([rows, width], x)
            let loss = run.pass.linearCrossEntropy(leaf.tensor, weight: weight, targets: targets)
            run.pass.backward(from: loss)
            taken.append(workspace.pool.bytesFromSystem - before)
            losses.append(loss.sum)
            gradients.append(run.gradient(weight) + (try #require(leaf.gradient)))
            let memory = workspace.numbers(try #require(store.gradients), count: store.count)
            let own = try #require(store.slots.first { $0.parameter === weight }).range
            #expect(memory.indices.allSatisfy { own.contains($0) || memory[$0] == 0 })
        }
        // Sums of 512 rows in one piece or two.
        #expect(abs(losses[0] - losses[1]) < 1e-6 * losses[0])
        #expect(Difference.relative(gradients[1], gradients[0]) < setting.type.tolerance(1))
        // Half of the rows' logits. float16, whose operands are widened, goes on in chunks.
        let saved = setting.type == .float16 ? 0 : rows * vocabulary * 4 / 3
        #expect(taken[0] - taken[1] >= saved, "\(taken)")
    }

    @Test(arguments: Setting.all)
    func unrecordedLossHasNoGradients(setting: Setting) throws {
        let file = try ReferenceFile("ops/cross_entropy.safetensors")
        let run = OpRun(setting)
        let weight = run.parameter("weight", [97, 13], try file.floats("head.odd.weight"))
        let pass = ForwardPass(workspace: run.workspace, computeType: setting.type)
        let x = run.workspace.tensor(
            [37, 13], try file.floats("head.odd.hidden"), as: setting.type)
        let loss = pass.linearCrossEntropy(
            x, weight: weight, targets: try file.integers("head.odd.targets"))
        let expected = Double(try file.floats("head.odd.loss")[0])
        #expect(abs(loss.sum - expected) < setting.type.tolerance(3) * expected)
        #expect(run.gradient(weight).allSatisfy { $0 == 0 })
    }

    @Test(arguments: Setting.all)
    func zeroRowsHaveNoLoss(setting: Setting) {
        let run = OpRun(setting)
        let weight = run.parameter("weight", [5, 4], [Float](repeating: 1, count: 20))
        let x = run.leaf([0, 4], [])
        let loss = run.pass.linearCrossEntropy(x.tensor, weight: weight, targets: [])
        run.pass.backward(from: loss)
        #expect(loss.sum == 0 && loss.targets == 0 && x.gradient == [])
        #expect(run.gradient(weight).allSatisfy { $0 == 0 })
    }

    /// A row's weight multiplies its loss and its gradient; weights of rows without targets say
    /// nothing. Rows' log-probabilities are those of the unweighted loss.
    @Test(arguments: [LogitForm(), LogitForm(softcap: 1.5), LogitForm(normalizesRows: true)])
    func rowWeightsMultiplyLossesAndGradients(form: LogitForm) throws {
        let (rows, width, vocabulary) = (40, 5, 11)
        var numbers = TestNumbers("row weights")
        let (x, w) = (numbers.normal(rows * width), numbers.normal(vocabulary * width))
        let weights = numbers.normal(rows)
        let targets = numbers.integers(rows, below: vocabulary).enumerated().map {
            $0.offset % 7 == 3 ? -100 : $0.element
        }
        let run = OpRun()
        let weight = run.parameter("weight", [vocabulary, width], w)
        let leaf = run.leaf([rows, width], x)
        let loss = run.pass.linearCrossEntropy(
            leaf.tensor, weight: weight, targets: targets, form: form, rowWeights: weights,
            keepsRows: true)
        run.pass.backward(from: loss)
        let bare = ForwardPass(workspace: run.workspace, computeType: .float32)
        let plain = bare.targetLogProbabilities(
            run.workspace.tensor([rows, width], x, as: .float32), weight: weight,
            targets: targets, form: form)
        let kept = try #require(loss.logProbabilities)
        // Two ways to the same logarithm, float32.
        #expect(Difference.absolute(kept, plain) < 1e-5)
        let expected = zip(plain, weights).reduce(0.0) { $0 - Double($1.0) * Double($1.1) }
        #expect(abs(loss.sum - expected) < 1e-4)

        // Each row by itself, its gradient times its weight.
        var dx: [Float] = []
        var dw = [Float](repeating: 0, count: w.count)
        for row in 0..<rows {
            let single = OpRun()
            let weight = single.parameter("weight", [vocabulary, width], w)
            let leaf = single.leaf([1, width], Array(x[row * width..<(row + 1) * width]))
            single.pass.backward(
                from: single.pass.linearCrossEntropy(
                    leaf.tensor, weight: weight, targets: [targets[row]], form: form))
            dx += try #require(leaf.gradient).map { $0 * weights[row] }
            for (index, value) in single.gradient(weight).enumerated() {
                dw[index] += value * weights[row]
            }
        }
        // Sums of 40 rows in another order.
        #expect(Difference.relative(try #require(leaf.gradient), dx) < 1e-5)
        #expect(Difference.relative(run.gradient(weight), dw) < 1e-5)
    }

    /// The second loss's logits go where the first one's gradient is not.
    @Test func lossesOfTwoHeadsKeepApart() throws {
        let (rows, width, vocabulary) = (64, 8, 40)
        var numbers = TestNumbers("two heads")
        let x = numbers.normal(rows * width)
        let w = (0..<2).map { _ in numbers.normal(vocabulary * width) }
        let targets = numbers.integers(rows, below: vocabulary)
        let evaluate = { (lends: Bool) -> [[Float]] in
            let workspace = Workspace(threads: 1)
            let heads = (0..<2).map {
                Parameter(name: "\($0)", shape: [vocabulary, width], initializer: .zeros)
            }
            let room = Parameter(name: "room", shape: [rows * vocabulary], initializer: .zeros)
            let store = ParameterStore(
                [heads[0], room, heads[1]], computeType: .float32, training: true, in: workspace)
            for (head, values) in zip(heads, w) { workspace.assign(values, to: head) }
            store.clearGradients()
            let run = OpRun(in: workspace, scratchGradients: lends ? store : nil)
            let leaf = run.leaf([rows, width], x)
            let losses = heads.map {
                run.pass.linearCrossEntropy(leaf.tensor, weight: $0, targets: targets)
            }
            run.pass.backward(from: losses[0].adding(losses[1]))
            return heads.map(run.gradient) + [leaf.gradient ?? []]
        }
        let (lent, own) = (evaluate(true), evaluate(false))
        for (a, b) in zip(lent, own) {
            // Sums of 64 rows in one piece or two.
            #expect(Difference.relative(a, b) < 1e-6)
            #expect(a.contains { $0 != 0 })
        }
    }
}
