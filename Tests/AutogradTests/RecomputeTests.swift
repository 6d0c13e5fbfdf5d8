import Autograd
import Kernels
import TestSupport
import Testing

/// Blocks that run again in backward against blocks that keep their activations.
@Suite struct RecomputeTests {
    @Test(arguments: Setting.all, [Float(0), 0.2])
    func recomputingChangesNoBit(setting: Setting, dropout: Float) {
        let batch = TinyDecoder.Batch(batch: 2, times: 37)
        let kept = TinyDecoder(setting)
        let losses = (0..<2).map { _ in kept.step(batch, dropout: dropout) }
        let expected = kept.gradients
        #expect(expected.values.allSatisfy { $0.contains { $0 != 0 } })
        for recomputing in [Recomputing.blocks, .cheap(blockOf: 2)] {
            let again = TinyDecoder(setting)
            for loss in losses {
                let found = again.step(batch, dropout: dropout, recomputing: recomputing)
                #expect(found == loss && loss.isFinite)
            }
            let found = again.gradients
            let different = expected.filter { found[$0.key] != $0.value }.keys.sorted()
            #expect(different.isEmpty, "\(recomputing)")
        }
    }

    @Test func dropoutChangesTheLoss() {
        let batch = TinyDecoder.Batch(batch: 2, times: 37)
        let model = TinyDecoder(Setting(type: .float32, threads: 1))
        #expect(model.step(batch, dropout: 0.2) != model.step(batch))
    }

    // Kept activations grow with the layers; inputs of blocks are less than a tenth of them, outputs of
    // norms and gates a third.
    @Test(arguments: ElementType.all)
    func recomputingNeedsLessMemory(type: ElementType) {
        let batch = TinyDecoder.Batch(batch: 4, times: 200)
        let modes = [Recomputing.nothing, .cheap(blockOf: 100), .cheap(blockOf: 2), .blocks]
        let bytes = modes.map { recomputing in
            let model = TinyDecoder(Setting(type: type, threads: 1))
            model.step(batch, recomputing: recomputing)
            return model.workspace.pool.bytesFromSystem
        }
        #expect(bytes == bytes.sorted(by: >), "\(bytes)")
        #expect(bytes[1] < bytes[0] * 9 / 10 && bytes[3] < bytes[0] * 3 / 4, "\(bytes)")
    }

    @Test(arguments: [false, true])
    func everyParameterIsReadyOnceInOneOrder(recomputes: Bool) {
        let setting = Setting(type: .float32, threads: 2)
        let model = TinyDecoder(setting)
        var ready: [String] = []
        model.step(.init(batch: 1, times: 9), recomputing: recomputes ? .blocks : .nothing) {
            ready.append($0.name)
        }
        #expect(ready.sorted() == model.parameters.keys.sorted())
        // The tied embedding is the head too, and done only with the first op.
        #expect(ready.first == "final.weight" && ready.suffix(2).contains("embedding"))
        // Later layers are done before earlier ones.
        let layers = ready.compactMap { Int($0.prefix(1)) }
        #expect(layers == layers.sorted(by: >))
    }

    @Test func readyParametersHaveTheirWholeGradient() {
        let model = TinyDecoder(Setting(type: .float32, threads: 1))
        var atReadiness: [String: [Float]] = [:]
        model.step(.init(batch: 2, times: 9), recomputing: .blocks) { parameter in
            atReadiness[parameter.name] = model.gradients[parameter.name]
        }
        let same = atReadiness == model.gradients
        #expect(same)
    }

    @Test(arguments: [false, true])
    func frozenParametersAreNeitherReadyNorNeeded(recomputes: Bool) {
        let setting = Setting(type: .float32, threads: 1)
        let frozen: Set = [
            "embedding", "positions", "0.qkv.weight", "1.gate.weight", "2.norm.bias",
        ]
        let all = TinyDecoder(setting)
        let some = TinyDecoder(setting, frozen: frozen)
        let batch = TinyDecoder.Batch(batch: 2, times: 9)
        var ready: [String] = []
        #expect(
            all.step(batch)
                == some.step(batch, recomputing: recomputes ? .blocks : .nothing) {
                    ready.append($0.name)
                })
        #expect(Set(ready) == Set(all.parameters.keys).subtracting(frozen))
        #expect(ready.count == Set(ready).count)
        let (expected, found) = (all.gradients, some.gradients)
        let different = found.filter { expected[$0.key] != $0.value }.keys.sorted()
        #expect(different.isEmpty)
        #expect(Set(found.keys) == Set(ready))
    }
}
