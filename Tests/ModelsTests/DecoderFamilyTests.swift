import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// What trainers and adapters ask of a decoder beside logits and gradients, in families with layers of
/// their own kind (scripts/references/later_architectures.py).
@Suite struct DecoderFamilyTests {
    static let folders = ["smollm3", "smollm3_window", "olmo2", "granite", "ernie4_5"]

    private static func logits(
        _ ids: [Int32], segments: [Int32]? = nil, of reference: ReferenceModel
    ) -> [Float] {
        let pass = reference.pass()
        let hidden = reference.model.hiddenStates(ids, batch: 1, segments: segments, in: pass)
        return reference.workspace.numbers(reference.model.languageHead.logits(hidden, in: pass))
    }

    // The bounds are those of ArchitectureTests.
    @Test(arguments: folders)
    func packedTextsAreWhatTheyAreAlone(folder: String) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        let ids = Array(try reference.file.integers("input_ids").prefix(20))
        let segments = (0..<20).map { Int32($0 < 9 ? 1 : 2) }
        let packed = Self.logits(ids, segments: segments, of: reference)
        let alone =
            Self.logits(Array(ids[..<9]), of: reference)
            + Self.logits(Array(ids[9...]), of: reference)
        #expect(Difference.absolute(packed, alone) < 2e-4)
        #expect(Difference.absolute(packed, Self.logits(ids, of: reference)) > 1e-2)
    }

    // What bottleneck adapters read is what the sublayer adds to the residual.
    @Test(arguments: folders)
    func sublayersAreWhatTheyAddToTheResidual(folder: String) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        for block in reference.model.registry.blocks {
            block.adapters.attention = Sum()
            block.adapters.feedForward = Sum()
        }
        #expect(reference.model.registry.blocks.count == reference.model.description.layers)
        try reference.expectGradients(ofTargets: 37, recomputes: true)
    }

    // Learned embeddings that are rows of the table stand for the rows' tokens.
    @Test(arguments: folders, [0, 5])
    func learnedEmbeddingsStandForTokens(folder: String, cached: Int) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        let ids = Array(try reference.file.integers("input_ids").prefix(20))
        let whole = Self.logits(ids, of: reference)
        let table = try #require(reference.model.registry.embeddings.first?.embedding.weight)
        reference.model.registry.virtualTokens?.tokens = Front(count: 4) { pass in
            .embeddings(
                pass.rows(
                    [0, 1, 2, 3],
                    of: pass.embedding(Array(ids[..<4]), batch: 1, table: table)))
        }
        let rest = Array(ids[4...])
        let vocabulary = reference.model.description.vocabularySize
        guard cached > 0 else {
            let found = Self.logits(rest, of: reference)
            #expect(Difference.absolute(found, Array(whole[(4 * vocabulary)...])) < 2e-4)
            return
        }
        let found = Self.last(rest, pieces: cached, of: reference)
        #expect(Difference.absolute(found, Array(whole[(19 * vocabulary)...])) < 2e-4)
    }

    // Keys and values before a text's own are the same to a pass with a cache and to one without.
    @Test(arguments: folders, [1, 5])
    func learnedKeysAndValuesAreTheSameWithACache(folder: String, pieces: Int) throws {
        let reference = try ReferenceModel(folder, in: "architectures", threads: 1)
        let ids = Array(try reference.file.integers("input_ids").prefix(20))
        let slot = try #require(reference.model.registry.virtualTokens)
        let plain = Self.last(ids, pieces: 20, of: reference)
        let width = slot.layers * 2 * slot.groups * slot.headSize
        let numbers = (0..<3 * width).map { Float(($0 * 31 + 5) % 19 - 9) / 9 }
        slot.tokens = Front(count: 3) { pass in
            .keysAndValues(pass.workspace.tensor([3, width], numbers))
        }
        let whole = Self.logits(ids, of: reference)
        let found = Self.last(ids, pieces: pieces, of: reference)
        let vocabulary = reference.model.description.vocabularySize
        #expect(Difference.absolute(found, Array(whole[(19 * vocabulary)...])) < 2e-4)
        #expect(Difference.absolute(found, plain) > 1e-3)
    }

    /// Logits behind the last token, of a text that a cache is fed by pieces.
    private static func last(
        _ ids: [Int32], pieces: Int, of reference: ReferenceModel
    ) -> [Float] {
        let cache = KeyValueCache(capacity: ids.count + 4)
        var (rest, logits) = (ids[...], [Float]())
        while !rest.isEmpty {
            let pass = ForwardPass(
                workspace: reference.workspace, computeType: .float32, cache: cache)
            logits = reference.model.nextLogits(Array(rest.prefix(pieces)), in: pass)
            rest = rest.dropFirst(pieces)
        }
        return logits
    }
}

/// An adapter that adds the sublayer's output to the residual, and nothing else.
private final class Sum: BlockAdapter {
    func output(
        residual: Tensor, in pass: ForwardPass, sublayer: (_ residual: Tensor?) -> Tensor
    ) -> Tensor {
        pass.add(sublayer(nil), to: residual, dropping: 0)
    }
}

/// Virtual tokens that are given.
private final class Front: VirtualTokens {
    let count: Int
    private let make: (ForwardPass) -> TextFront

    init(count: Int, _ make: @escaping (ForwardPass) -> TextFront) {
        self.count = count
        self.make = make
    }

    func front(in pass: ForwardPass) -> TextFront { make(pass) }
}
