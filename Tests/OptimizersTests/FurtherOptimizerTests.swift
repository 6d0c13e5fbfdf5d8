import Autograd
import Foundation
import Kernels
import Optimizers
import TestSupport
import Testing

/// Adafactor against transformers' numbers, and Adam without bias correction
/// (scripts/references/optimizers.py).
@Suite struct FurtherOptimizerTests {
    private func object(_ name: String) throws -> Any {
        try #require(try References.object("optimizers/further.json")[name])
    }

    /// Fifty updates; what came of those that the reference has.
    private func run(
        _ rule: any OptimizerRule, shape: Shape, rate: Double, gradients: Float,
        threads: Int = 1, scale: Double = 1, _ check: (Int, [Float]) -> Void
    ) {
        let model = ReferenceProblem(threads: threads, shape: shape)
        let optimizer = Optimizer(
            rule, store: model.store, ranges: [0..<model.store.count], in: model.workspace)
        for step in 1...50 {
            model.setGradients(step: step, scale: gradients / Float(scale))
            optimizer.update(learningRate: rate, gradientScale: scale)
            check(step, model.numbers)
        }
    }

    @Test(arguments: [1, 2], [1.0, 1.0 / 1024])
    func adafactorEqualsTransformers(threads: Int, scale: Double) throws {
        for one in try #require(try object("adafactor") as? [[String: Any]]) {
            let extents = try #require(one["shape"] as? [Int])
            let rule = Adafactor(
                weightDecay: try #require(one["weight_decay"] as? Double),
                scalesByParameter: try #require(one["scale_parameter"] as? Bool))
            let steps = try #require(one["steps"] as? [String: [Double]])
            let rate = try #require(one["learning_rate"] as? Double)
            // transformers decays what it is told to; here vectors are never decayed.
            guard extents.count == 2 || rule.weightDecay == 0 else { continue }
            let shape: Shape = extents.count == 2 ? [extents[0], extents[1]] : [extents[0]]
            run(
                rule, shape: shape, rate: rate, gradients: 10, threads: threads, scale: scale
            ) { step, found in
                guard let wanted = steps[String(step)] else { return }
                // Fifty float32 updates of numbers of order 1, by roots of sums of a few squares.
                #expect(
                    Difference.absolute(found, wanted.map(Float.init)) < 1e-6 * Float(step + 4),
                    "\(extents), step \(step)")
            }
        }
    }

    @Test func adamWithoutBiasCorrectionIsBERTs() throws {
        let one = try #require(try object("uncorrected_adam") as? [String: Any])
        let settings = try #require(one["settings"] as? [String: Any])
        let betas = try #require(settings["betas"] as? [Double])
        let steps = try #require(one["steps"] as? [String: [String: [Double]]])
        let rule = AdamW(
            beta1: betas[0], beta2: betas[1],
            epsilon: try #require(settings["epsilon"] as? Double),
            weightDecay: try #require(settings["weight_decay"] as? Double), correctsBias: false)
        run(
            rule, shape: [2, 4], rate: try #require(settings["learning_rate"] as? Double),
            gradients: 1
        ) { step, found in
            guard let wanted = steps[String(step)]?["parameters"] else { return }
            // First moves are of m/√v = 0.1/√0.001, a multiple of the rate: rounding of numbers of order 1.
            #expect(
                Difference.absolute(found, wanted.map(Float.init)) < 1e-6 * Float(step + 4),
                "step \(step)")
        }
    }

    @Test func adafactorKeepsRowsAndColumns() {
        let matrix = ReferenceProblem(threads: 1)
        let rule = Adafactor(weightDecay: 0)
        #expect(
            rule.ownState(of: matrix.parameter)
                == [
                    StateArray(name: "second_moment_rows", shape: [2]),
                    StateArray(name: "second_moment_columns", shape: [4]),
                ])
        let optimizer = Optimizer(
            rule, store: matrix.store, ranges: [0..<matrix.store.count], in: matrix.workspace)
        #expect(optimizer.stateBytes == 24)
        #expect(rule.needsWholeParameters && rule.elementwiseState.isEmpty)
    }
}
