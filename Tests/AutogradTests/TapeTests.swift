import Autograd
import Kernels
import TestSupport
import Testing

/// How the tape adds gradients up, counts uses and lets memory go.
@Suite struct TapeTests {
    private let numbers: [Float] = [1, -2, 3, 0.5, -0.25, 4]
    private let upstream: [Float] = [2, 1, -1, 3, 0.5, -4]

    // Both consumers are matrix products: the second one adds into the first one's result.
    @Test(arguments: Setting.all)
    func gradientsOfTwoLinearConsumersAddUp(setting: Setting) throws {
        let run = OpRun(setting)
        let x = run.leaf([2, 3], numbers)
        let first = run.parameter("first", [2, 3], [1, 2, 3, 4, 5, 6])
        let second = run.parameter("second", [2, 3], [-1, 0.5, 2, 0, 1, -3])
        let y = run.pass.linear(x.tensor, weight: first, bias: nil)
        let z = run.pass.linear(x.tensor, weight: second, bias: nil)
        run.backward(run.pass.add(y, to: z, dropping: 0), [1, 2, -1, 0.5])
        // All numbers are exact in each type: dx = u (W₁ + W₂).
        #expect(x.gradient == [8, 14.5, 11, 2, 0.5, -3.5])
        #expect(run.gradient(first) == run.gradient(second))
        #expect(run.gradient(first) == [0.5, -1.75, -1, 2.25, -4.125, 8])
    }

    // Consumers of each kind: one that hands its upstream gradient on, one that writes its own.
    @Test(arguments: Setting.all)
    func gradientsOfMixedConsumersAddUp(setting: Setting) {
        let run = OpRun(setting)
        let x = run.leaf([2, 3], numbers)
        let relu = run.pass.activation(.relu, x.tensor)
        let sum = run.pass.add(relu, to: x.tensor, dropping: 0)
        let more = run.pass.add(x.tensor, to: sum, dropping: 0)
        run.backward(more, upstream)
        #expect(x.gradient == zip(numbers, upstream).map { $0 > 0 ? 3 * $1 : 2 * $1 })
    }

    @Test(arguments: Setting.all)
    func aTensorAddedToItselfGetsTwice(setting: Setting) {
        let run = OpRun(setting)
        let x = run.leaf([2, 3], numbers)
        run.backward(run.pass.add(x.tensor, to: x.tensor, dropping: 0), upstream)
        #expect(x.gradient == upstream.map { 2 * $0 })
    }

    // A sum hands one gradient to both of its inputs without a copy. What one of them gets besides
    // must not reach the other.
    @Test(arguments: [false, true])
    func sharedGradientsAreNotWrittenTo(recordedBefore: Bool) {
        let run = OpRun()
        let (x, r) = (run.leaf([2, 3], numbers), run.leaf([2, 3], numbers))
        var other: Tensor?
        if recordedBefore { other = run.pass.activation(.relu, r.tensor) }
        let sum = run.pass.add(x.tensor, to: r.tensor, dropping: 0)
        let relu = other ?? run.pass.activation(.relu, r.tensor)
        run.backward(run.pass.add(relu, to: sum, dropping: 0), upstream)
        #expect(x.gradient == upstream)
        #expect(r.gradient == zip(numbers, upstream).map { $0 > 0 ? 2 * $1 : $1 })
    }

    @Test func residualNormAddsInPlaceToTheRightSum() {
        let run = OpRun()
        let gain = run.parameter("gain", [3], [1, 1, 1])
        let x = run.leaf([2, 3], numbers)
        let normal = run.pass.rmsNorm(x.tensor, gain: gain, epsilon: 1e-5)
        let sum = run.pass.add(normal, to: x.tensor, dropping: 0)
        run.backward(sum, upstream)
        let alone = OpRun()
        let y = alone.leaf([2, 3], numbers)
        let gain2 = alone.parameter("gain", [3], [1, 1, 1])
        alone.backward(alone.pass.rmsNorm(y.tensor, gain: gain2, epsilon: 1e-5), upstream)
        let expected = zip(y.gradient ?? [], upstream).map { $0 + $1 }
        #expect(Difference.relative(x.gradient ?? [], expected) < 1e-6)
        #expect(run.gradient(gain) == alone.gradient(gain2))
    }

    @Test func tiedWeightGetsBothGradientsAndIsReadyOnce() {
        let table: [Float] = (0..<15).map { Float($0 % 4) * 0.25 - 0.3 }
        let targets: [Int32] = [1, 4, 0, -100]
        func run(tied: Bool) -> (gradients: [[Float]], ready: [String]) {
            let run = OpRun()
            let embedding = run.parameter("embedding", [5, 3], table)
            let head = tied ? embedding : run.parameter("head", [5, 3], table)
            let gain = run.parameter("gain", [3], [1, 1, 1])
            let x = run.pass.embedding([0, 1, 2, 3], batch: 2, table: embedding)
            let normal = run.pass.rmsNorm(x, gain: gain, epsilon: 1e-5)
            let loss = run.pass.linearCrossEntropy(normal, weight: head, targets: targets)
            var ready: [String] = []
            run.pass.backward(from: loss) { ready.append($0.name) }
            return ([embedding, head].map(run.gradient), ready)
        }
        let (tied, own) = (run(tied: true), run(tied: false))
        let expected = zip(own.gradients[0], own.gradients[1]).map { $0 + $1 }
        #expect(Difference.relative(tied.gradients[0], expected) < 1e-6)
        #expect(tied.ready == ["gain", "embedding"])
        #expect(own.ready == ["head", "gain", "embedding"])
    }

    @Test func aParameterWhoseResultIsNotUsedIsReadyWithoutAGradient() {
        let run = OpRun()
        let x = run.leaf([1, 2], [1, 2])
        let (used, unused) = (
            run.parameter("used", [2, 2], [1, 0, 0, 1]),
            run.parameter("unused", [2, 2], [1, 0, 0, 1])
        )
        _ = run.pass.linear(x.tensor, weight: unused, bias: nil)
        let y = run.pass.linear(x.tensor, weight: used, bias: nil)
        var ready: [String] = []
        run.backward(y, [1, 1]) { ready.append($0.name) }
        #expect(Set(ready) == ["used", "unused", "probe"] && ready.count == 3)
        #expect(run.gradient(unused) == [0, 0, 0, 0])
    }

    // Two passes add up in the parameters, as gradient accumulation needs.
    @Test func passesAddToParameterGradients() {
        let model = TinyDecoder(Setting(type: .float32, threads: 1))
        let batch = TinyDecoder.Batch(batch: 2, times: 9)
        model.step(batch)
        let once = model.gradients
        model.step(batch)
        for (name, gradient) in model.gradients {
            let expected = once[name, default: []].map { 2 * $0 }
            #expect(Difference.relative(gradient, expected) < 1e-6, "\(name)")
        }
        model.store.clearGradients()
        #expect(model.gradients.values.allSatisfy { $0.allSatisfy { $0 == 0 } })
    }

    @Test func unrecordedPassLeavesNoRecordsAndNoGradients() {
        let model = TinyDecoder(Setting(type: .bfloat16, threads: 2))
        let batch = TinyDecoder.Batch(batch: 2, times: 9)
        let pass = ForwardPass(workspace: model.workspace, computeType: .bfloat16)
        let loss = model.loss(batch, 0, pass)
        #expect(!pass.isRecorded)
        #expect(loss.sum == model.step(batch) && loss.targets == 18)
    }

    // Records are dropped as soon as they have run, so that a pass leaves nothing behind.
    @Test(arguments: Setting.all, [false, true])
    func aSteadyStepAllocatesNothingNew(setting: Setting, recomputes: Bool) {
        let model = TinyDecoder(setting)
        let pool = model.workspace.pool
        model.step(
            .init(batch: 2, times: 150), dropout: 0.1, recomputing: recomputes ? .blocks : .nothing)
        let (allocations, bytes) = (pool.systemAllocations, pool.bytesFromSystem)
        for step in 0..<8 {
            let batch = TinyDecoder.Batch(batch: 2, times: 150, seed: "step \(step)")
            model.step(batch, dropout: 0.1, recomputing: recomputes ? .blocks : .nothing)
            #expect(pool.systemAllocations == allocations && pool.bytesFromSystem == bytes)
        }
    }
}
