import Autograd
import Kernels
import Models
import Testing

/// What is added to the rows of a table.
@Suite struct TokenEmbeddingTests {
    // Gemma multiplies by √C within its embedding, to whose result transformers 5.23 (`neftune_post_forward_hook`)
    // adds the noise.
    @Test(arguments: [Float(1), 8])
    func noiseIsThatOfScaledRows(scale: Float) {
        let workspace = Workspace(threads: 1)
        let (width, tokens) = (64, 40)
        let embedding = TokenEmbedding(
            Scope(Scope.Registry()) / "tokens", vocabulary: 10, width: width, deviation: 1,
            scale: scale)
        let store = ParameterStore(
            [embedding.weight], computeType: .float32, training: true, in: workspace)
        store.initialize(seed: 3)
        let input = TokenInput(ids: (0..<tokens).map { Int32($0 % 10) }, batch: 1)
        let rows = [0, 5].map { (alpha: Float) -> [Float] in
            let source = DropoutSource(seed: 5, sampleIDs: [1], embeddingNoise: alpha)
            let pass = ForwardPass(workspace: workspace, computeType: .float32, dropout: source)
            return workspace.numbers(embedding(input, pass))
        }
        let table = workspace.numbers(embedding.weight.floatValue, count: 10 * width)
        #expect(rows[0] == (0..<tokens * width).map { table[$0 % (10 * width)] * scale })
        let noise = zip(rows[1], rows[0]).map { abs(Double($0 - $1)) }
        let bound = 5 / Double(tokens * width).squareRoot()
        // Sums are rounded where rows are of order 30.
        #expect(noise.allSatisfy { $0 < bound + 1e-5 } && (noise.max() ?? 0) > 0.98 * bound)
    }
}
