import Kernels
import TestSupport
import Testing

/// Losses and gradients of given logits against PyTorch's (scripts/references/ops.py).
@Suite struct CrossEntropyKernelTests {
    static let cases = [
        "plain", "ignored", "all_ignored", "scaled", "extreme", "shifted", "two_classes", "wide",
    ]

    @Test(arguments: cases, [1, 2, 3])
    func lossesAndGradientsEqualPyTorch(name: String, threads: Int) throws {
        let file = try ReferenceFile("ops/cross_entropy.safetensors")
        let prefix = "logits.\(name)."
        let numbers = try file.floats(prefix + "logits")
        let (rows, width) = (
            try file.shape(prefix + "logits")[0], try file.shape(prefix + "logits")[1]
        )
        let targets = try file.integers(prefix + "targets")
        let scale = try file.floats(prefix + "scale")[0]
        let expected = try file.floats(prefix + "losses")
        let gradient = try file.floats(prefix + "grad.logits")
        let workspace = Workspace(threads: threads)
        // The largest logit's last place bounds both the sum of exponentials and the differences.
        let accuracy = 8 * Float(0x1p-24) * max(1, numbers.map(abs).max() ?? 0)
        for (type, isInPlace) in ElementType.all.flatMap({ [($0, true), ($0, false)] }) {
            let logits = workspace.buffer(numbers, .float32)
            // In place, a row of a narrow type leaves the rest of its logits' row unused.
            let stride = isInPlace ? width * 4 / type.bytes : width
            let dlogits =
                isInPlace
                ? Buffer(storage: logits.storage, type: type)
                : workspace.buffer(numbers.count, type)
            let losses = workspace.buffer(rows, .float32)
            workspace.crossEntropy(
                logits: logits, targets: targets[...], rows: rows, width: width,
                gradientScale: scale, dlogits: dlogits, stride: stride, losses: losses)
            let found = workspace.numbers(losses, count: rows)
            #expect(Difference.absolute(found, expected) <= accuracy)
            let slope = (0..<rows).flatMap {
                workspace.numbers(dlogits.advanced(by: $0 * stride), count: width)
            }
            // Probabilities are at most 1; the narrow types round them once more. The absolute term
            // is float16's smallest step.
            for (x, y) in zip(slope, gradient) {
                let bound = scale * accuracy + abs(y) * Float(type.roundoff) + Float(0x1p-24)
                #expect(abs(x - y) <= bound, "\(type)")
            }
        }
    }

    @Test func lossesWithoutGradientsLeaveTheLogits() throws {
        let workspace = Workspace(threads: 2)
        let numbers: [Float] = [0, 1, 2, 3, 4, 5]
        let logits = workspace.buffer(numbers, .float32)
        let losses = workspace.buffer(2, .float32)
        workspace.crossEntropy(
            logits: logits, targets: [1, -100], rows: 2, width: 3, gradientScale: 1, dlogits: nil,
            losses: losses)
        #expect(workspace.numbers(logits, count: 6) == numbers)
        #expect(workspace.numbers(losses, count: 2)[1] == 0)
    }

    @Test(arguments: cases)
    func targetLogProbabilitiesAreNegativeLosses(name: String) throws {
        let file = try ReferenceFile("ops/cross_entropy.safetensors")
        let numbers = try file.floats("logits.\(name).logits")
        let shape = try file.shape("logits.\(name).logits")
        let workspace = Workspace(threads: 3)
        let found = workspace.buffer(shape[0], .float32)
        workspace.targetLogProbabilities(
            logits: workspace.buffer(numbers, .float32),
            targets: try file.integers("logits.\(name).targets")[...], rows: shape[0],
            width: shape[1], into: found)
        let expected = try file.floats("logits.\(name).losses").map { -$0 }
        let accuracy = 8 * Float(0x1p-24) * max(1, numbers.map(abs).max() ?? 0)
        #expect(
            Difference.absolute(workspace.numbers(found, count: shape[0]), expected) <= accuracy)
    }

    // A NaN or infinity among the logits has to reach the loss, or no step would be skipped.
    // x86 processors make NaN with the sign set.
    @Test(arguments: [Float.nan, -.nan, .infinity], [0, 37, 96])
    func badLogitsGiveBadLosses(bad: Float, place: Int) {
        let workspace = Workspace(threads: 1)
        var numbers = [Float](repeating: 0, count: 97)
        numbers[place] = bad
        let losses = workspace.buffer(1, .float32)
        workspace.crossEntropy(
            logits: workspace.buffer(numbers, .float32), targets: [20], rows: 1, width: 97,
            gradientScale: 1, dlogits: nil, losses: losses)
        #expect(!workspace.numbers(losses, count: 1)[0].isFinite)
    }
}
