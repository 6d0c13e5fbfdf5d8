import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// What else than ids a model reads, against the same tokens as ids.
@Suite struct TokenInputTests {
    static let folders = [
        "models/gpt2", "models/llama", "architectures/gemma2", "architectures/gpt_neox",
        "architectures/opt", "architectures/phi",
    ]
    static let encoders = ["bert", "roberta", "modernbert", "distilbert", "mpnet", "albert"].map {
        "encoders/" + $0
    }

    private struct Sample {
        let workspace = Workspace(threads: 2)
        let model: any LanguageModel
        let ids: [Int32]
        let length: Int

        init(_ folder: String) throws {
            model = try ModelCatalog.model(
                configuration: try References.text("\(folder)/config.json"))
            let store = ParameterStore(
                model.parameters, computeType: .float32, training: false, in: workspace)
            store.initialize(seed: 7)
            let file = try ReferenceFile("\(folder)/reference.safetensors")
            ids = try file.integers("input_ids")
            length = ids.count / 2
        }

        func hidden(_ input: TokenInput) -> [Float] {
            let pass = ForwardPass(workspace: workspace, computeType: .float32)
            return workspace.numbers(model.hiddenStates(input, in: pass))
        }
    }

    @Test(arguments: folders)
    func positionsFromZeroAreWhatTheyAreUnlessGiven(folder: String) throws {
        let sample = try Sample(folder)
        var input = TokenInput(ids: sample.ids, batch: 2)
        let expected = sample.hidden(input)
        input.positions = (0..<sample.ids.count).map { Int32($0 % sample.length) }
        #expect(sample.hidden(input) == expected)
    }

    // Two texts in one row, each with positions from its own start: as each alone. RoBERTa's positions
    // begin behind the padding token's id.
    @Test(arguments: folders + encoders)
    func packedTextsMayEachBeginAtZero(folder: String) throws {
        let sample = try Sample(folder)
        let first = 9
        let row = Array(sample.ids[..<sample.length])
        var packed = TokenInput(
            ids: row, batch: 1, segments: row.indices.map { $0 < first ? 0 : 1 })
        packed.positions = row.indices.map { Int32($0 < first ? $0 : $0 - first) }
        let apart =
            sample.hidden(TokenInput(ids: Array(row[..<first]), batch: 1))
            + sample.hidden(TokenInput(ids: Array(row[first...]), batch: 1))
        // Products of other extents, in float32.
        #expect(Difference.relative(sample.hidden(packed), apart) < 2e-6)
    }

    /// Segments alone say where texts begin, as packed rows of conversations have them; 0 is what fills up.
    @Test(arguments: folders)
    func packedTextsBeginAtZeroByTheirSegmentsAlone(folder: String) throws {
        let sample = try Sample(folder)
        let (first, filling) = (9, 2)
        let row = Array(sample.ids[..<sample.length])
        let end = row.count - filling
        let packed = TokenInput(
            ids: row, batch: 1, segments: row.indices.map { $0 < first ? 1 : $0 < end ? 2 : 0 })
        let apart =
            sample.hidden(TokenInput(ids: Array(row[..<first]), batch: 1))
            + sample.hidden(TokenInput(ids: Array(row[first..<end]), batch: 1))
        let found = sample.hidden(packed)
        // Products of other extents, in float32.
        #expect(Difference.relative(Array(found.prefix(apart.count)), apart) < 2e-6)
    }

    /// Embeddings that are given are not scaled, as Gemma scales those of ids.
    @Test(arguments: folders)
    func embeddingsMayStandForIds(folder: String) throws {
        let sample = try Sample(folder)
        let table = try #require(sample.model.registry.embeddings.first).embedding.weight
        let width = table.shape.extents[1]
        let numbers = sample.workspace.numbers(table)
        let scale = folder.hasSuffix("gemma2") ? Float(width).squareRoot() : 1
        let rows = sample.ids.flatMap { id in
            numbers[Int(id) * width..<(Int(id) + 1) * width].map { $0 * scale }
        }
        let embeddings = sample.workspace.tensor([2, sample.length, width], rows)
        let expected = sample.hidden(TokenInput(ids: sample.ids, batch: 2))
        #expect(sample.hidden(TokenInput(embeddings: embeddings)) == expected)
    }
}
