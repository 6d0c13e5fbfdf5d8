import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// Tiny random models of further architectures against transformers' values
/// (scripts/references/architectures.py).
@Suite struct ArchitectureTests {
    static let folders = [
        "gemma", "gemma2", "gemma3_text", "gemma3", "phi3", "phi3_longrope", "glm", "glm4",
        "chatglm", "baichuan", "baichuan2", "baichuan2_alibi", "internlm2",
        "gpt_neox", "gpt_neox_sequential", "phi", "phi_tied",
        "opt", "opt_after", "opt_bare", "starcoder2", "starcoder2_bare",
        "smollm3", "smollm3_window", "olmo2", "granite", "ernie4_5",
    ]

    // Logits of order 1 to 10; 2e-4 is some tens of float32 roundings of a two-layer model.
    @Test(arguments: folders, [1, 2])
    func logitsEqualTransformers(folder: String, threads: Int) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: threads)
        let logits = reference.model.logits(
            try reference.file.integers("input_ids"), batch: 2, in: reference.pass())
        let found = reference.workspace.numbers(logits)
        #expect(Difference.absolute(found, try reference.file.floats("logits")) < 2e-4)
    }

    // Ten positions: for phi3_longrope and internlm2 within the length before other angles hold.
    @Test(arguments: folders)
    func shortSequencesEqualTransformers(folder: String) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        let ids = try reference.file.integers("input_ids")
        // A longer sequence first, so that nothing of its angles may stay.
        _ = reference.model.logits(ids, batch: 2, in: reference.pass())
        let short = Array(ids[0..<10] + ids[20..<30])
        let logits = reference.model.logits(short, batch: 2, in: reference.pass())
        let found = reference.workspace.numbers(logits)
        #expect(Difference.absolute(found, try reference.file.floats("short.logits")) < 2e-4)
    }

    // Gradients are sums over 37 targets through two layers: some hundred roundings of 6e-8.
    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 2)
        try reference.expectGradients(ofTargets: 37, recomputes: recomputes)
        let known = reference.file.names.filter { $0.hasPrefix("grad.") }.count
        #expect(known == reference.model.parameters.count)
    }

    @Test(arguments: folders)
    func logProbabilitiesAreThoseOfTheLogits(folder: String) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        let found = reference.model.logProbabilities(
            try reference.file.integers("input_ids"),
            targets: try reference.file.integers("targets"), batch: 2, in: reference.pass())
        let expected = try reference.file.floats("loss")[0]
        #expect(abs(found.reduce(0, +) + expected) < 1e-5 * expected)
    }

    // The same sums in another order; angles by length make those of tokens before the limit others.
    @Test(arguments: folders, [[1], [5, 1], [13]])
    func piecesEqualTheWholeSequence(folder: String, pieces: [Int]) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        let length = folder == "phi3_longrope" || folder == "internlm2" ? 12 : 20
        let ids = Array(try reference.file.integers("input_ids").prefix(length))
        let workspace = reference.workspace
        let whole = workspace.numbers(reference.model.logits(ids, batch: 1, in: reference.pass()))
        let vocabulary = reference.model.description.vocabularySize
        let cache = KeyValueCache(capacity: length)
        var (start, sizes) = (0, pieces[...])
        while start < length {
            let size = min(sizes.first ?? 1, length - start)
            if sizes.count > 1 { sizes.removeFirst() }
            let pass = ForwardPass(workspace: workspace, computeType: .float32, cache: cache)
            let found = reference.model.nextLogits(Array(ids[start..<start + size]), in: pass)
            start += size
            let expected = Array(whole[(start - 1) * vocabulary..<start * vocabulary])
            #expect(Difference.relative(found, expected) < 5e-6, "after \(start) tokens")
        }
    }

    // float16 and bfloat16 round operands and activations; two layers stay near float32 where a norm bounds
    // the logits.
    @Test(arguments: folders.filter { $0 != "opt_bare" }, [ElementType.bfloat16, .float16])
    func narrowTypesStayNear(folder: String, type: ElementType) throws {
        let reference = try ReferenceModel(
            folder, in: "architectures", threads: 2, computeType: type)
        let pass = reference.pass(recording: true)
        let loss = reference.model.loss(
            try reference.file.integers("input_ids"),
            targets: try reference.file.integers("targets"), batch: 2, in: pass)
        pass.backward(from: loss)
        let expected = Double(try reference.file.floats("loss")[0])
        let tolerance = type == .bfloat16 ? 0x1p-8 : 0x1p-11
        #expect(abs(loss.sum - expected) < tolerance * expected)
        for parameter in reference.model.parameters where !reference.hasNoGradient(parameter) {
            let gradient = try #require(parameter.gradient)
            let found = reference.workspace.numbers(gradient, count: parameter.count)
            let wanted = try reference.file.floats("grad." + parameter.name)
            #expect(Difference.relative(found, wanted) < 48 * tolerance, "\(parameter.name)")
        }
    }
}
