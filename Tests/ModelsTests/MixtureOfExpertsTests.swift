import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// Tiny mixture-of-experts models against transformers' values (scripts/references/moe_models.py).
@Suite struct MixtureOfExpertsTests {
    static let folders = ["mixtral", "mixtral_balanced", "qwen3_moe", "qwen3_moe_sparse"]

    // Logits are of order 1 to 10; 2e-4 is some tens of float32 roundings of a two-layer model.
    @Test(arguments: folders, [1, 2])
    func logitsEqualTransformers(folder: String, threads: Int) throws {
        let reference = try ReferenceModel(folder, in: "moe", threads: threads)
        let logits = reference.model.logits(
            try reference.file.integers("input_ids"), batch: 2, in: reference.pass())
        let found = reference.workspace.numbers(logits)
        #expect(Difference.absolute(found, try reference.file.floats("logits")) < 2e-4)
    }

    // With the loss of equal use, where config.json asks for it, and through the router.
    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let reference = try ReferenceModel(folder, in: "moe", threads: 2)
        let pass = reference.pass(recording: true, recomputes: recomputes)
        let loss = reference.model.loss(
            try reference.file.integers("input_ids"),
            targets: try reference.file.integers("targets"), batch: 2, in: pass)
        pass.backward(from: loss)
        let expected = try reference.file.floats("loss")[0]
        #expect(abs(Float(loss.sum) - expected) < 1e-5 * expected)
        var routers = 0
        for parameter in reference.model.parameters {
            let gradient = try #require(parameter.gradient)
            let found = reference.workspace.numbers(gradient, count: parameter.count)
            let wanted = try reference.file.floats("grad." + parameter.name)
            #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
            if parameter.name.hasSuffix(".gate.weight") { routers += 1 }
        }
        #expect(routers > 0)
    }

    @Test func tokensOneByOneEqualAllAtOnce() throws {
        let reference = try ReferenceModel("qwen3_moe", in: "moe", threads: 1)
        let ids = Array(try reference.file.integers("input_ids").prefix(12))
        let cache = KeyValueCache(capacity: ids.count)
        var last: [Float] = []
        for id in ids {
            let pass = ForwardPass(
                workspace: reference.workspace, computeType: .float32, cache: cache)
            last = reference.model.nextLogits([id], in: pass)
        }
        let all = reference.model.nextLogits(ids, in: reference.pass())
        #expect(Difference.absolute(last, all) < 2e-5)
    }

    @Test func everyExpertIsKnownAsALinearLayer() throws {
        let model = try ModelCatalog.model(
            configuration: try References.text("moe/mixtral/config.json"))
        let paths = model.registry.linears.map(\.path).filter { $0.hasPrefix("model.layers.1.") }
        let moe = "model.layers.1.block_sparse_moe."
        let experts = (0..<4).flatMap { expert in
            ["w1", "w3", "w2"].map { "\(moe)experts.\(expert).\($0)" }
        }
        #expect(paths.suffix(13) == [moe + "gate"] + experts)
    }

    // Two layers: q and output 16 × 16, k and v 8 × 16, router 4 × 16, two of the experts' three
    // matrices of 12 × 16; the head, 97 × 16; and five norms.
    @Test func onlyChosenExpertsCountAsWork() throws {
        let model = try ModelCatalog.model(
            configuration: try References.text("moe/mixtral/config.json"))
        let layer = 2 * 16 * 16 + 2 * 8 * 16 + 4 * 16 + 2 * 3 * 12 * 16
        let weights = 2 * layer + 97 * 16 + 5 * 16
        #expect(model.operationsPerToken(length: 0) == Double(6 * weights))
    }

    @Test func moreChoicesThanExpertsAreRefused() throws {
        let text = try References.text("moe/mixtral/config.json")
            .replacing("\"num_experts_per_tok\": 2", with: "\"num_experts_per_tok\": 5")
        #expect(
            throws: ModelError.outOfRange(
                key: "num_experts_per_tok", found: "5",
                expected: "at most the 4 of num_local_experts")
        ) { try ModelCatalog.model(configuration: text) }
    }
}
