import Generation
import Kernels
import ModelFiles
import TestSupport
import Testing

@Suite struct GenerationSessionTests {
    static let folders = ["gpt2", "llama", "mistral", "qwen2", "qwen3"]

    private func reference(_ folder: String, threads: Int) throws -> InferenceModel {
        try InferenceModel(
            path: References.folder.appendingPathComponent("models/\(folder)").path,
            threads: threads)
    }

    private func ids(_ folder: String, _ count: Int) throws -> [Int32] {
        let file = try ReferenceFile("models/\(folder)/reference.safetensors")
        return Array(try file.integers("input_ids").prefix(count))
    }

    private func greedy(
        _ session: GenerationSession, _ prompt: [Int32], _ count: Int
    ) -> [Int32] {
        var tokens: [Int32] = []
        let end = session.generate(
            after: prompt, count: count, sampler: Sampler(.greedy), ends: []
        ) {
            tokens.append($0)
            return true
        }
        #expect(end == .count)
        return tokens
    }

    // Turns of a conversation: the second prompt goes on from the first answer, the third differs in
    // the middle, the fourth is the third again.
    @Test(arguments: folders)
    func turnsReuseWhatIsTheSameAndEqualAFreshComputation(folder: String) throws {
        let reference = try reference(folder, threads: 2)
        let (model, workspace) = (reference.model, reference.workspace)
        let all = try ids(folder, 20)
        let session = GenerationSession(model, computeType: .float32, in: workspace)
        let first = greedy(session, Array(all.prefix(6)), 4)
        #expect(session.computedTokens == 6 + 3)
        let longer = Array(all.prefix(6)) + first + [all[6], all[7]]
        var changed = longer
        changed[5] = (changed[5] + 1) % 50
        var computed = session.computedTokens
        for (prompt, fresh) in [(longer, 3), (changed, changed.count - 5), (changed, 1)] {
            let other = GenerationSession(model, computeType: .float32, in: workspace)
            #expect(greedy(session, prompt, 3) == greedy(other, prompt, 3))
            #expect(session.computedTokens - computed == fresh + 2)
            computed = session.computedTokens
            let (found, expected) = (session.logits(after: prompt), other.logits(after: prompt))
            #expect(Difference.relative(found, expected) < 1e-5)
            computed = session.computedTokens
        }
    }

    // Prompts of unequal lengths, which end at different steps, against each alone.
    @Test(arguments: folders)
    func promptsTogetherGiveWhatEachGivesAlone(folder: String) throws {
        let reference = try reference(folder, threads: 2)
        let (model, workspace) = (reference.model, reference.workspace)
        let all = try ids(folder, 40)
        let prompts = [all[0..<3], all[3..<14], all[14..<14], all[20..<25]].map { Array($0) }
        let session = GenerationSession(model, computeType: .float32, in: workspace)
        let alone = prompts.map { $0.isEmpty ? [] : greedy(session, $0, 6) }
        let end = alone[1][3]
        let together = model.generate(
            afterEach: prompts, count: 6, sampler: Sampler(.greedy), ends: [end],
            computeType: .float32, in: workspace)
        #expect(together == alone.map { Array($0.prefix { $0 != end }) })
    }

    @Test func anEndIsSaid() throws {
        let reference = try reference("gpt2", threads: 1)
        let (model, workspace) = (reference.model, reference.workspace)
        let prompt = try ids("gpt2", 4)
        let session = GenerationSession(
            model, computeType: .float32, in: workspace, limit: 7)
        let run = { (prompt: [Int32], ends: Set<Int32>, most: Int) in
            var tokens: [Int32] = []
            let end = session.generate(
                after: prompt, count: 10, sampler: Sampler(.greedy), ends: ends
            ) {
                tokens.append($0)
                return tokens.count < most
            }
            return (end, tokens)
        }
        let (full, tokens) = run(prompt, [], 100)
        #expect(full == .contextFull && tokens.count == 3)
        #expect(run(prompt, [], 2) == (.stopped, Array(tokens.prefix(2))))
        let index = tokens.firstIndex(of: tokens[2]) ?? 0
        #expect(run(prompt, [tokens[2]], 9) == (.stopToken(tokens[2]), Array(tokens[..<index])))
        #expect(run(Array(repeating: 1, count: 7), [], 9).0 == .contextFull)
        let limited = GenerationSession(
            model, computeType: .float32, in: workspace, limit: 1_000_000)
        #expect(limited.limit == model.description.maximumPositions)
    }

    @Test func aStepAllocatesNothing() throws {
        let reference = try reference("llama", threads: 2)
        let session = GenerationSession(
            reference.model, computeType: .float32, in: reference.workspace)
        var text = try ids("llama", 12)
        for _ in 0..<3 {
            _ = session.logits(after: text)
            text.append(1)
        }
        let before = reference.workspace.pool.systemAllocations
        for _ in 0..<20 {
            _ = session.logits(after: text)
            text.append(1)
        }
        #expect(reference.workspace.pool.systemAllocations == before)
    }
}
