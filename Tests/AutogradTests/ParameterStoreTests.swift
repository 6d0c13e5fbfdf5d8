import Autograd
import Kernels
import Testing

@Suite struct ParameterStoreTests {
    private func parameters() -> [Parameter] {
        [
            Parameter(name: "embedding", shape: [7, 5], initializer: .normal(deviation: 0.02)),
            Parameter(name: "norm", shape: [5], initializer: .ones),
            Parameter(name: "bias", shape: [5], initializer: .uniform(bound: 0.5)),
            Parameter(name: "head", shape: [33, 2], initializer: .zeros),
        ]
    }

    @Test func lastParameterLiesFirstAndRangesAreAligned() {
        let store = ParameterStore(
            parameters(), computeType: .float32, training: true, in: Workspace(threads: 1))
        #expect(store.slots.map(\.parameter.name) == ["head", "bias", "norm", "embedding"])
        #expect(store.slots.map(\.offset) == [0, 96, 128, 160])
        #expect(store.slots.map(\.range.count) == [66, 5, 5, 35])
        #expect(store.count == 224)
        #expect(store.trainableCount == 111)
        #expect(store.parameters.map(\.name) == ["embedding", "norm", "bias", "head"])
    }

    @Test(arguments: ElementType.all)
    func parametersAreViewsOfTheFlatArrays(type: ElementType) throws {
        let workspace = Workspace(threads: 1)
        let all = parameters()
        let store = ParameterStore(all, computeType: type, training: true, in: workspace)
        let (masters, gradients) = (try #require(store.masters), try #require(store.gradients))
        #expect((store.copies == nil) == (type == .float32))
        for (index, slot) in store.slots.enumerated() {
            let parameter = slot.parameter
            let numbers = (0..<parameter.count).map { Float(index) + Float($0) / 128 + 0.001 }
            workspace.assign(numbers, to: parameter)
            #expect(
                workspace.numbers(masters.advanced(by: slot.offset), count: slot.range.count)
                    == numbers)
            #expect(workspace.numbers(parameter) == numbers)
            let gradient = try #require(parameter.gradient)
            #expect(gradient.pointer == gradients.advanced(by: slot.offset).pointer)
            // Matrices are read in the compute type, norms and biases in float32.
            let isMatrix = parameter.shape.extents.count == 2
            #expect(parameter.isMatrix == isMatrix && parameter.decays == isMatrix)
            #expect(parameter.value.type == (isMatrix ? type : .float32))
            let copy = workspace.numbers(parameter.value, count: parameter.count)
            for (found, wanted) in zip(copy, numbers) {
                let roundoff = isMatrix ? Float(type.roundoff) : 0
                #expect(abs(found - wanted) <= wanted * roundoff)
            }
        }
    }

    @Test func paddingIsZeroAndStaysZero() throws {
        let workspace = Workspace(threads: 2)
        let store = ParameterStore(
            parameters(), computeType: .bfloat16, training: true, in: workspace)
        store.initialize(seed: 1)
        let used = Set(store.slots.flatMap { Array($0.range) })
        for buffer in [store.masters, store.copies, store.gradients] {
            let numbers = workspace.numbers(try #require(buffer), count: store.count)
            #expect((0..<store.count).allSatisfy { used.contains($0) || numbers[$0] == 0 })
        }
    }

    @Test func splitMastersHoldTheSameNumbersInFourBytes() throws {
        let workspace = Workspace(threads: 2)
        let (whole, split) = (parameters(), parameters())
        let store = ParameterStore(whole, computeType: .bfloat16, training: true, in: workspace)
        let other = ParameterStore(
            split, computeType: .bfloat16, training: true, splits: true, in: workspace)
        #expect(other.masters == nil && other.copies == nil && other.masterArrays.count == 2)
        for each in [store, other] { each.initialize(seed: 4) }
        #expect(abs(other.sumOfSquares() - store.sumOfSquares()) < 1e-12 * store.sumOfSquares())
        for (one, two) in zip(whole, split) {
            #expect(workspace.numbers(two) == workspace.numbers(one))
            #expect(two.value.type == one.value.type && two.master == nil)
            // None of these few numbers lies halfway between two of bfloat16.
            #expect(
                workspace.numbers(two.value, count: two.count)
                    == workspace.numbers(one.value, count: one.count))
        }
        let numbers: [Float] = [1.001, 2, 3, 4, 5]
        workspace.assign(numbers, to: split[1])
        #expect(workspace.numbers(split[1]) == numbers)
        #expect(workspace.numbers(split[1].value, count: 5) == numbers)
        // What arrives in the masters from elsewhere reaches what kernels read.
        let halves = try #require(split[1].split)
        workspace.store(numbers.reversed(), into: halves)
        other.refreshCopies()
        #expect(workspace.numbers(split[1].value, count: 5) == numbers.reversed())
    }

    @Test(arguments: [ElementType.float32, .float16])
    func otherTypesAreNotSplit(type: ElementType) {
        let all = parameters()
        let store = ParameterStore(
            all, computeType: type, training: true, splits: true, in: Workspace(threads: 1))
        #expect(store.splitMasters == nil && store.masters != nil)
        #expect((store.copies == nil) == (type == .float32))
        #expect(all.allSatisfy { $0.split == nil && $0.master != nil })
    }

    @Test func frozenParametersTakeNoPartInTheFlatArrays() {
        let workspace = Workspace(threads: 1)
        let all = parameters()
        all[0].isTrainable = false
        all[2].isTrainable = false
        let store = ParameterStore(all, computeType: .bfloat16, training: true, in: workspace)
        #expect(store.slots.map(\.parameter.name) == ["head", "norm"])
        #expect(store.trainableCount == 71)
        #expect(all[0].gradient == nil && all[0].master == nil)
        #expect(all[0].value.type == .bfloat16 && all[2].value.type == .float32)
        workspace.assign([1, 2, 3, 4, 5], to: all[2])
        #expect(workspace.numbers(all[2]) == [1, 2, 3, 4, 5])
    }

    @Test func evaluationNeedsNeitherMastersNorGradients() {
        let store = ParameterStore(
            parameters(), computeType: .float16, training: false, in: Workspace(threads: 1))
        #expect(store.slots.isEmpty && store.count == 0)
        #expect(store.masters == nil && store.gradients == nil && store.copies == nil)
        #expect(store.parameters.allSatisfy { $0.gradient == nil && $0.master == nil })
        #expect(store.firstNonFiniteGradient() == nil)
        store.clearGradients()
    }

    @Test func initialNumbersDependOnSeedAndNameOnly() {
        func numbers(seed: UInt64, threads: Int, type: ElementType, alone: Bool) -> [Float] {
            let workspace = Workspace(threads: threads)
            let all = alone ? [parameters()[0]] : parameters()
            let store = ParameterStore(all, computeType: type, training: true, in: workspace)
            store.initialize(seed: seed)
            return workspace.numbers(all[0])
        }
        let expected = numbers(seed: 4, threads: 1, type: .float32, alone: false)
        #expect(numbers(seed: 4, threads: 3, type: .bfloat16, alone: true) == expected)
        #expect(numbers(seed: 5, threads: 1, type: .float32, alone: false) != expected)
        #expect(expected.allSatisfy { $0 != 0 && abs($0) < 0.02 * 6 })
    }

    @Test func initializersFillTheirParameters() {
        let workspace = Workspace(threads: 1)
        let all = parameters()
        let store = ParameterStore(all, computeType: .bfloat16, training: true, in: workspace)
        store.initialize(seed: 4)
        #expect(workspace.numbers(all[1]) == [1, 1, 1, 1, 1])
        #expect(workspace.numbers(all[2]).allSatisfy { abs($0) <= 0.5 && $0 != 0 })
        #expect(workspace.numbers(all[3]).allSatisfy { $0 == 0 })
        let rounded = workspace.numbers(
            workspace.tensor([35], workspace.numbers(all[0]), as: .bfloat16))
        #expect(workspace.numbers(all[0].value, count: 35) == rounded)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func firstBadGradientIsNamedInTheOrderOfTheModel(bad: Float) throws {
        let workspace = Workspace(threads: 2)
        let all = parameters()
        let store = ParameterStore(all, computeType: .float32, training: true, in: workspace)
        #expect(store.firstNonFiniteGradient() == nil)
        workspace.store([bad], into: try #require(all[3].gradient).advanced(by: 65))
        #expect(store.firstNonFiniteGradient()?.name == "head")
        workspace.store([bad], into: try #require(all[1].gradient).advanced(by: 4))
        #expect(store.firstNonFiniteGradient()?.name == "norm")
        store.clearGradients()
        #expect(store.firstNonFiniteGradient() == nil)
    }
}
