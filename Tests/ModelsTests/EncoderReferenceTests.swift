import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// Tiny random encoders against transformers' values (scripts/references/encoders.py): pairs, and rows with
/// padding on either side.
@Suite struct EncoderReferenceTests {
    static let folders = [
        "bert", "bert_odd", "roberta", "xlm_roberta", "electra", "modernbert", "modernbert_biased",
        "modernbert_resaved", "distilbert", "distilbert_odd", "mpnet", "mpnet_odd", "albert",
        "albert_odd",
    ]
    private static let keyBiases = ["key.bias", "k_lin.bias", "attn.k.bias"]
    private static let (rows, columns) = (3, 21)

    /// What the reference read under a prefix: a batch, or one of a run's.
    private struct Reading {
        let input: TokenInput
        let targets: [Int32]

        init(_ reference: ReferenceModel, _ prefix: String = "", step: Int = 0) throws {
            let count = rows * columns
            func numbers(_ key: String) throws -> [Int32] {
                let all = try reference.file.integers(prefix + key)
                return Array(all[step * count..<(step + 1) * count])
            }
            var input = TokenInput(ids: try numbers("input_ids"), batch: rows)
            if reference.model.description.tokenTypes > 0 {
                input.types = try numbers("token_types")
            }
            // Every token, padding too, sees the real ones.
            input.mask = AttentionMask(
                queries: Array(repeating: 1, count: count), keys: try numbers("mask"))
            self.input = input
            targets = try numbers("labels")
        }
    }

    /// Takes the rows of real tokens. Where a padding token's band holds padding alone, transformers gives
    /// it the mean of what it must not see; no real token sees that.
    private static func real(_ reference: ReferenceModel) throws -> ([Float]) -> [Float] {
        let mask = try reference.file.integers("mask")
        return { numbers in
            let width = numbers.count / mask.count
            return mask.indices.filter { mask[$0] == 1 }.flatMap {
                numbers[$0 * width..<($0 + 1) * width]
            }
        }
    }

    // Logits are of order 1 to 10; 2e-4 is some tens of float32 roundings of a few layers.
    @Test(arguments: folders, [1, 2])
    func statesAndLogitsEqualTransformers(folder: String, threads: Int) throws {
        let reference = try ReferenceModel(folder, in: "encoders", threads: threads)
        let reading = try Reading(reference)
        let pass = reference.pass()
        let hidden = reference.model.hiddenStates(reading.input, in: pass)
        let real = try Self.real(reference)
        let found = reference.workspace.numbers(hidden)
        #expect(Difference.absolute(real(found), real(try reference.file.floats("hidden"))) < 2e-4)
        let logits = reference.workspace.numbers(
            reference.model.languageHead.logits(hidden, in: pass))
        #expect(Difference.absolute(real(logits), real(try reference.file.floats("logits"))) < 2e-4)
    }

    // Gradients are sums over some 20 targets through a few layers: some hundred roundings of 6e-8.
    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let reference = try ReferenceModel(folder, in: "encoders", threads: 2)
        let reading = try Reading(reference)
        var ready: [String] = []
        let pass = reference.pass(recording: true, recomputes: recomputes)
        let loss = reference.model.loss(
            of: reference.model.hiddenStates(reading.input, in: pass), targets: reading.targets,
            in: pass)
        pass.backward(from: loss) { ready.append($0.name) }
        let expected = try reference.file.floats("loss")[0]
        #expect(abs(Float(loss.sum) - expected) < 1e-5 * expected)
        for parameter in reference.model.parameters {
            let gradient = try #require(parameter.gradient)
            let found = reference.workspace.numbers(gradient, count: parameter.count)
            let wanted = try reference.file.floats("grad." + parameter.name)
            if Self.keyBiases.contains(where: parameter.name.hasSuffix) {
                // It adds the same to all of a query's scores: what is left of its gradient is
                // rounding, of sums of numbers of order 1.
                #expect(Difference.absolute(found, wanted) < 1e-5, "\(parameter.name)")
                continue
            }
            #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
        }
        #expect(ready.sorted() == reference.model.parameters.map(\.name).sorted())
    }

    @Test(arguments: folders)
    func withoutALanguageHeadTheStatesAreTheSame(folder: String) throws {
        let reference = try ReferenceModel(folder, in: "encoders", threads: 1)
        let body = try ModelCatalog.model(
            configuration: reference.model.description.configuration, for: .states)
        #expect(body.headTransform == nil && body.headBias == nil)
        #expect(body.parameters.count < reference.model.parameters.count)
        let store = ParameterStore(
            body.parameters, computeType: .float32, training: false, in: reference.workspace)
        let known = Dictionary(
            uniqueKeysWithValues: reference.model.parameters.map { ($0.name, $0) })
        for parameter in body.parameters {
            reference.workspace.assign(
                reference.workspace.numbers(try #require(known[parameter.name])), to: parameter)
        }
        let hidden = body.hiddenStates(try Reading(reference).input, in: reference.pass())
        let real = try Self.real(reference)
        let (found, wanted) = (
            reference.workspace.numbers(hidden), try reference.file.floats("hidden")
        )
        #expect(Difference.absolute(real(found), real(wanted)) < 2e-4)
        #expect(store.parameters.count == body.parameters.count)
    }
}
