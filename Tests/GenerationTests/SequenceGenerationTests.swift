import Autograd
import Configuration
import Generation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing

/// What encoder-decoders write of texts, against transformers' `generate`
/// (scripts/references/sequence_to_sequence.py).
@Suite struct SequenceGenerationTests {
    private static func model(
        _ name: String, _ type: ElementType = .float32, threads: Int = 1
    ) throws -> InferenceModel {
        try InferenceModel(
            path: References.folder.appendingPathComponent("encoder_decoders/\(name)").path,
            computeType: type, threads: threads)
    }

    @Test func greedyTextsAndThoseOfBeamsAreThoseOfTransformers() throws {
        let reference = try SearchReference.read("sequence_to_sequence/generation.json")
        let byModel = Dictionary(grouping: reference.cases, by: \.model)
        #expect(byModel.count == 5 && reference.cases.count >= 80)
        #expect(reference.cases.count { $0.settings.beams > 1 } >= 30)
        #expect(reference.cases.contains { $0.ids.count < reference.count }, "some end early")
        for (name, cases) in byModel {
            let inference = try Self.model(name)
            for one in cases {
                let (sampling, ends) = (one.settings.sampling, Set(one.settings.ends))
                let found =
                    one.settings.beams > 1
                    ? inference.searched(
                        after: one.prompt, count: reference.count, sampling, ends: ends)
                    : inference.model.generate(
                        afterEach: [one.prompt], count: reference.count,
                        sampler: Sampler(sampling), ends: ends, computeType: .float32,
                        in: inference.workspace)[0]
                #expect(found == one.text, "\(name) \(one.settings) after \(one.prompt)")
            }
        }
    }

    // The same sums in another order: some float32 roundings of logits of order 1 to 10. Narrow types
    // round activations at the same places, but some fall to the other side.
    @Test(
        arguments: ["t5", "t5_gated", "umt5"],
        [(ElementType.float32, 5e-6), (.bfloat16, 0x1p-5), (.float16, 0x1p-8)])
    func tokenByTokenEqualsTheWholeText(
        name: String, precision: (type: ElementType, tolerance: Double)
    ) throws {
        let type = precision.type
        let inference = try Self.model(name, type, threads: 2)
        let (model, workspace) = (inference.model, inference.workspace)
        let source = (0..<21).map { Int32(5 + $0 * 7 % 40) }
        let ids = (0..<24).map { Int32(5 + $0 * 11 % 43) }
        var input = TokenInput(ids: ids, batch: 1)
        input.source = TokenSource(TokenInput(ids: source, batch: 1))
        let whole = workspace.numbers(
            model.languageHead.logits(
                model.hiddenStates(input, in: inference.pass), in: inference.pass))
        let vocabulary = model.description.vocabularySize
        let cache = KeyValueCache(capacity: ids.count)
        let once = TokenSource(readOnce: source)
        var start = 0
        for size in [3] + Array(repeating: 1, count: 21) {
            let pass = ForwardPass(workspace: workspace, computeType: type, cache: cache)
            let found = model.nextLogits(
                Array(ids[start..<start + size]), source: once, in: pass)
            start += size
            let expected = Array(whole[(start - 1) * vocabulary..<start * vocabulary])
            #expect(
                Difference.relative(found, expected) < precision.tolerance,
                "after \(start) tokens")
        }
        #expect(start == ids.count)
    }

    @Test func rowsOfOneSourceDoNotSeeOneAnother() throws {
        let inference = try Self.model("mt5")
        let source: [Int32] = [9, 17, 30, 8, 1]
        func logits(_ rows: [[Int32]]) -> [[Float]] {
            let cache = KeyValueCache(capacity: 8, sequences: rows.count)
            let once = TokenSource(readOnce: source)
            var found: [[Float]] = []
            for column in rows[0].indices {
                let pass = ForwardPass(
                    workspace: inference.workspace, computeType: .float32, cache: cache)
                found = inference.model.nextLogits(
                    rows.map { $0[column] }, batch: rows.count, source: once, in: pass)
            }
            return found
        }
        let rows: [[Int32]] = [[0, 7, 9], [0, 40, 5], [0, 7, 8]]
        let together = logits(rows)
        for (row, found) in zip(rows, together) {
            #expect(Difference.relative(found, logits([row])[0]) < 5e-6)
        }
        #expect(together[0] != together[2])
    }

    @Test func aDrawnTextIsThatOfItsSeed() throws {
        let inference = try Self.model("t5")
        func text(_ seed: UInt64) -> [Int32] {
            var settings = SamplingSettings()
            settings.temperature = 1
            settings.seed = seed
            return inference.model.generate(
                afterEach: [[20, 30, 1]], count: 10, sampler: Sampler(settings), ends: [],
                computeType: .float32, in: inference.workspace)[0]
        }
        #expect(text(1) == text(1) && text(1) != text(2) && text(1).count == 10)
    }
}
