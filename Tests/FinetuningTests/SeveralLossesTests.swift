import Autograd
import Finetuning
import Kernels
import Models
import TestSupport
import Testing

/// Several losses in one pass, against central differences of their sum.
///
/// Along the gradient g, and along a random direction d of its length, (L(w + εu) − L(w − εu)) / 2ε
/// has to be ⟨g, u⟩ for the unit vector u of g + d.
@Suite struct SeveralLossesTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let folder: String
        let hasLoRA: Bool
        let recomputes: Bool
        var testDescription: String {
            folder + (hasLoRA ? ", LoRA" : "") + (recomputes ? ", recomputed" : "")
        }

        static let all: [Case] = ["models/llama", "models/gpt2", "moe/mixtral_balanced"].flatMap {
            folder in
            [false, true].flatMap { hasLoRA in
                [false, true].map { Case(folder: folder, hasLoRA: hasLoRA, recomputes: $0) }
            }
        }
    }

    @Test(arguments: Case.all)
    func twoLossesShareBodyAndHead(_ example: Case) throws {
        let workspace = Workspace(threads: 2)
        let model = try ModelCatalog.model(
            configuration: try References.text("\(example.folder)/config.json"))
        let base = model.parameters
        var method: LoRA?
        if example.hasLoRA {
            var configuration = LoRAConfiguration()
            configuration.rank = 3
            method = try LoRA(configuration, attachingTo: model)
        }
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: true, in: workspace)
        let weights = try ReferenceFile("\(example.folder)/model.safetensors")
        for parameter in base {
            let names = model.namesInFiles(of: parameter)
            let name = names.first(where: weights.has) ?? parameter.name
            workspace.assign(try weights.floats(name), to: parameter)
        }
        try method?.initialize(seed: 3, in: workspace)
        for factor in method?.adapterParameters ?? [] where factor.name.contains("lora_B") {
            workspace.assign(numbers(factor.count, seed: 5).map { $0 / 10 }, to: factor)
        }
        let file = try ReferenceFile("\(example.folder)/reference.safetensors")
        let (ids, targets) = (try file.integers("input_ids"), try file.integers("targets"))
        let run = { (backward: Bool) -> Double in
            let pass = ForwardPass(
                workspace: workspace, computeType: .float32, tape: backward ? Tape() : nil,
                recomputing: example.recomputes ? .blocks : .nothing, scratchGradients: store)
            let hidden = model.hiddenStates(ids, batch: 2, segments: nil, in: pass)
            let first = model.loss(of: hidden, targets: targets, in: pass)
            let second = model.languageHead.loss(
                hidden, targets: ids, rowWeights: numbers(ids.count, seed: 8), in: pass)
            let loss = first.adding(second)
            if backward { pass.backward(from: loss) }
            return loss.sum
        }
        store.clearGradients()
        _ = run(true)
        let trained = model.parameters.filter(\.isTrainable)
        let values = trained.map { workspace.numbers($0.value, count: $0.count) }
        let gradient = try trained.flatMap { parameter in
            workspace.numbers(try #require(parameter.gradient), count: parameter.count)
        }
        let length = norm(gradient)
        let random = numbers(gradient.count, seed: 11)
        let direction = zip(gradient, random).map { $0 / Float(length) + $1 / Float(norm(random)) }
        let unit = direction.map { $0 / Float(norm(direction)) }
        // Far above float32's rounding of the loss (1e-6 of some 200), far below where it bends.
        let distance: Float = 5e-3
        let sides = [distance, -distance].map { side in
            var place = 0
            for (parameter, value) in zip(trained, values) {
                workspace.assign(
                    value.indices.map { value[$0] + side * unit[place + $0] }, to: parameter)
                place += value.count
            }
            return run(false)
        }
        let slope = (sides[0] - sides[1]) / Double(2 * distance)
        let expected = zip(gradient, unit).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(length > 1)
        #expect(abs(slope - expected) < 5e-3 * length, "\(slope) but \(expected)")
    }

    /// Numbers between −1 and 1. Source: SplitMix64's sequence.
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return Float(z >> 40) / Float(1 << 23) - 1
        }
    }

    private func norm(_ x: [Float]) -> Double {
        x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
}
