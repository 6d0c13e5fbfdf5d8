import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// Logits with a cache of keys and values against logits of the whole sequence.
@Suite struct GenerationCacheTests {
    static let folders = ["gpt2", "llama", "llama_linear", "mistral", "qwen2", "qwen3"]

    // The same sums in another order: some float32 roundings of logits of order 1 to 10.
    @Test(arguments: folders, [1, 2])
    func tokenByTokenEqualsTheWholeSequence(folder: String, threads: Int) throws {
        try compare(folder, .float32, threads: threads, pieces: [1], tolerance: 5e-6)
    }

    @Test(arguments: folders, [[5, 1], [1, 7, 2], [23], [24]])
    func piecesEqualTheWholeSequence(folder: String, pieces: [Int]) throws {
        try compare(folder, .float32, threads: 1, pieces: pieces, tolerance: 5e-6)
    }

    // Activations are rounded at the same places, but sums before them differ in their last bits and
    // some fall to the other side: a few roundings of the type.
    @Test(arguments: folders, [ElementType.bfloat16, .float16])
    func narrowTypesFollowTheWholeSequence(folder: String, type: ElementType) throws {
        try compare(
            folder, type, threads: 2, pieces: [3, 1], tolerance: type == .bfloat16 ? 0x1p-6 : 0x1p-9
        )
    }

    @Test func capacityMayBeLargerThanTheSequence() throws {
        let reference = try ReferenceModel("llama", threads: 1)
        let ids = Array(try reference.file.integers("input_ids").prefix(4))
        let logits = [4, 60].map { capacity in
            let cache = KeyValueCache(capacity: capacity)
            let pass = ForwardPass(
                workspace: reference.workspace, computeType: .float32, cache: cache)
            _ = reference.model.nextLogits(Array(ids.prefix(3)), in: pass)
            defer { #expect(cache.length == 4) }
            return reference.model.nextLogits(Array(ids.suffix(1)), in: pass)
        }
        #expect(logits[0] == logits[1])
    }

    /// Feeds the first sequence by pieces, the last size repeated, and compares each piece's logits.
    private func compare(
        _ folder: String, _ type: ElementType, threads: Int, pieces: [Int], tolerance: Double
    ) throws {
        let reference = try ReferenceModel(folder, threads: threads, computeType: type)
        let ids = Array(try reference.file.integers("input_ids").prefix(24))
        let workspace = reference.workspace
        let whole = workspace.numbers(
            reference.model.logits(
                ids, batch: 1, in: ForwardPass(workspace: workspace, computeType: type)))
        let vocabulary = reference.model.description.vocabularySize
        let cache = KeyValueCache(capacity: ids.count)
        var (start, sizes) = (0, pieces[...])
        while start < ids.count {
            let size = min(sizes.first ?? 1, ids.count - start)
            if sizes.count > 1 { sizes.removeFirst() }
            let pass = ForwardPass(workspace: workspace, computeType: type, cache: cache)
            let found = reference.model.nextLogits(Array(ids[start..<start + size]), in: pass)
            start += size
            #expect(cache.length == start)
            let expected = Array(whole[(start - 1) * vocabulary..<start * vocabulary])
            #expect(Difference.relative(found, expected) < tolerance, "after \(start) tokens")
        }
    }
}
