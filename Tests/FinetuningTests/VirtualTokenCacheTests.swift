import Autograd
import Finetuning
import Kernels
import Models
import TestSupport
import Testing

/// Virtual tokens before a text that is read at once, and before the same text read token by token.
@Suite struct VirtualTokenCacheTests {
    // The same sums in another order.
    @Test(
        arguments: ["gpt_neox", "gpt_neox_sequential", "phi", "opt", "opt_after"], [false, true])
    func piecesEqualTheWholeText(folder: String, isPrefix: Bool) throws {
        let workspace = Workspace(threads: 1)
        let model = try ModelCatalog.model(
            configuration: try References.text("architectures/\(folder)/config.json"))
        let plain = model.description.maximumPositions
        let method = try AdapterCatalog.method(
            isPrefix
                ? .prefixTuning(PrefixTuningConfiguration(virtualTokens: 3))
                : .promptTuning(PromptTuningConfiguration(virtualTokens: 3)), attachingTo: model)
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: true, in: workspace)
        store.initialize(seed: 7)
        try method.initialize(seed: 8, in: workspace)
        #expect(model.description.maximumPositions == plain - 3)
        let file = try ReferenceFile("architectures/\(folder)/reference.safetensors")
        let ids = Array(try file.integers("input_ids").prefix(12))
        func pass(_ cache: KeyValueCache? = nil, applies: Bool = true) -> ForwardPass {
            ForwardPass(
                workspace: workspace, computeType: .float32, appliesAdapters: applies,
                cache: cache)
        }
        let whole = workspace.numbers(model.logits(ids, batch: 1, in: pass()))
        let base = workspace.numbers(model.logits(ids, batch: 1, in: pass(applies: false)))
        #expect(Difference.relative(whole, base) > 1e-4)
        let cache = KeyValueCache(capacity: 15)
        for (place, id) in ids.enumerated() {
            let found = model.nextLogits([id], in: pass(cache))
            let expected = Array(whole[place * found.count..<(place + 1) * found.count])
            #expect(Difference.relative(found, expected) < 5e-6, "token \(place)")
        }
    }
}
