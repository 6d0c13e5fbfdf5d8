import Autograd
import Foundation
import Kernels
import Optimizers
import TestSupport
import Testing

/// Optimizers against PyTorch's numbers and Lion's paper (scripts/references/optimizers.py).
@Suite struct OptimizerTests {
    @Test(arguments: OptimizerCase.all, [1, 2])
    func parametersAndMomentsEqualTheReference(_ reference: OptimizerCase, threads: Int) throws {
        let model = ReferenceProblem(threads: threads)
        let optimizer = model.optimizer(reference, ranges: [0..<model.store.count])
        for step in 1...50 {
            model.setGradients(step: step, scale: 1)
            optimizer.update(learningRate: reference.learningRate, gradientScale: 1)
            guard let expected = reference.steps[step] else { continue }
            #expect(optimizer.steps == step)
            // Fifty float32 updates of numbers below 1, each rounded once or twice; Adam divides by
            // √v, which keeps relative errors.
            let bound = Float(step + 2) * 2 * Float(0x1p-24)
            #expect(Difference.absolute(model.numbers, expected.parameters) < bound)
            for (moment, wanted) in [
                ("first_moment", expected.first), ("second_moment", expected.second),
            ] {
                guard let wanted else { continue }
                let flat = try #require(optimizer.flatMoment(moment, of: model.store))
                let found = model.workspace.numbers(flat, count: 8)
                #expect(Difference.relative(found, wanted) < 2e-6)
            }
        }
    }

    // Unscaling, the division by the target count and clipping are one factor.
    @Test(arguments: OptimizerCase.all)
    func gradientScaleMultipliesTheGradients(_ reference: OptimizerCase) throws {
        let (plain, scaled) = (ReferenceProblem(threads: 1), ReferenceProblem(threads: 1))
        let optimizers = [plain, scaled].map {
            $0.optimizer(reference, ranges: [0..<$0.store.count])
        }
        for step in 1...5 {
            plain.setGradients(step: step, scale: 1)
            scaled.setGradients(step: step, scale: 1024)
            optimizers[0].update(learningRate: reference.learningRate, gradientScale: 1)
            optimizers[1].update(learningRate: reference.learningRate, gradientScale: 1 / 1024)
        }
        // Powers of two change no bit.
        #expect(plain.numbers == scaled.numbers)
    }

    @Test(arguments: OptimizerCase.all)
    func vectorsAreNotDecayed(_ reference: OptimizerCase) throws {
        var undecayed = reference
        undecayed.rule = try reference.undecayed
        let matrix = ReferenceProblem(threads: 1)
        let vector = ReferenceProblem(threads: 1, shape: [8])
        let optimizers = [
            matrix.optimizer(undecayed, ranges: [0..<matrix.store.count]),
            vector.optimizer(reference, ranges: [0..<vector.store.count]),
        ]
        for step in 1...3 {
            for (model, optimizer) in zip([matrix, vector], optimizers) {
                model.setGradients(step: step, scale: 1)
                optimizer.update(learningRate: reference.learningRate, gradientScale: 1)
            }
        }
        #expect(matrix.numbers == vector.numbers)
    }

    @Test(arguments: OptimizerCase.all, [ElementType.bfloat16, .float16])
    func narrowCopiesFollowTheMasters(_ reference: OptimizerCase, type: ElementType) throws {
        let model = ReferenceProblem(threads: 2, type: type)
        let optimizer = model.optimizer(reference, ranges: [0..<model.store.count])
        let wide = ReferenceProblem(threads: 1)
        let other = wide.optimizer(reference, ranges: [0..<wide.store.count])
        for step in 1...3 {
            model.setGradients(step: step, scale: 1)
            wide.setGradients(step: step, scale: 1)
            optimizer.update(learningRate: reference.learningRate, gradientScale: 1)
            other.update(learningRate: reference.learningRate, gradientScale: 1)
            // The masters do not know of the copies; the copies are the masters, rounded.
            #expect(model.numbers == wide.numbers)
            let copies = model.workspace.numbers(model.parameter.value, count: 8)
            let rounded = model.workspace.numbers(
                model.workspace.tensor([8], model.numbers, as: type))
            #expect(copies == rounded)
            #expect(model.parameter.value.type == type)
        }
    }

    @Test func stateIsCountedInBytes() {
        let model = ReferenceProblem(threads: 1)
        let bytes = OptimizerCase.all.map {
            model.optimizer($0, ranges: [0..<model.store.count]).stateBytes
        }
        #expect(bytes == [64, 64, 64, 0, 0, 32, 32, 32, 32, 32])
        #expect(model.optimizer(OptimizerCase.all[0], ranges: [0..<3]).stateBytes == 24)
    }

    @Test func nothingTrainableIsNothingToUpdate() {
        let workspace = Workspace(threads: 1)
        let store = ParameterStore([], computeType: .float32, training: true, in: workspace)
        let optimizer = Optimizer(
            OptimizerCase.all[0].rule, store: store, ranges: [], in: workspace)
        optimizer.update(learningRate: 1, gradientScale: 1)
        #expect(optimizer.stateBytes == 0)
    }
}
