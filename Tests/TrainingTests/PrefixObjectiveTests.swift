import Autograd
import Kernels
import Masking
import Models
import Objectives
import TestSupport
import Testing
import TextData

/// Objectives of running text whose masks or order are not those of each next token.
@Suite struct PrefixObjectiveTests {
    static let llama = """
        {"model_type": "llama", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
        """
    private static let t5 = """
        {"model_type": "t5", "vocab_size": 96, "d_model": 32, "d_kv": 8, "d_ff": 64,
         "num_layers": 2, "num_heads": 4, "feed_forward_proj": "gated-gelu",
         "tie_word_embeddings": false}
        """

    private func batch(rows: Int = 3, columns: Int = 12) -> TokenBatch {
        let text = (0..<rows * (columns + 1)).map { Int32(5 + $0 * 7 % 90) }
        var (ids, targets): ([Int32], [Int32]) = ([], [])
        for row in 0..<rows {
            let sample = text[row * (columns + 1)..<(row + 1) * (columns + 1)]
            ids += sample.dropLast()
            targets += sample.dropFirst()
        }
        return TokenBatch(rows: rows, columns: columns, ids: ids, targets: targets)
    }

    @Test func lossComesAfterThePrefixAlone() throws {
        let objective = PrefixLanguageModeling(
            try ModelCatalog.model(configuration: Self.llama), seed: 3)
        let batch = batch(rows: 40)
        let (input, targets) = objective.hiding(batch)
        let ends = try #require(input.mask.keyEnds)
        var prefixes = Set<Int32>()
        for row in 0..<40 {
            let own = Array(ends[row * 12..<(row + 1) * 12])
            let prefix = own[0]
            prefixes.insert(prefix)
            for place in 0..<12 {
                #expect(own[place] == max(prefix, Int32(place) + 1))
                let target = targets[row * 12 + place]
                #expect(target == (place + 1 < prefix ? -100 : batch.targets[row * 12 + place]))
            }
            #expect(targets[row * 12 + 11] >= 0)
        }
        // 1 to 12 of 13 tokens.
        #expect(prefixes.min() == 1 && prefixes.max() == 12 && prefixes.count > 9)
    }

    @Test func thePrefixIsSeenWholeAndTheRestOnlyBehind() throws {
        let model = try ModelCatalog.model(configuration: Self.llama)
        let workspace = Workspace(threads: 1)
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        store.initialize(seed: 4)
        let objective = PrefixLanguageModeling(model, seed: 5)
        func states(_ batch: TokenBatch) -> [[Float]] {
            let pass = ForwardPass(workspace: workspace, computeType: .float32)
            let numbers = workspace.numbers(
                model.hiddenStates(objective.hiding(batch).input, in: pass))
            return (0..<12).map { Array(numbers[$0 * 32..<($0 + 1) * 32]) }
        }
        var batch = batch(rows: 1)
        batch.sampleIDs = [7]
        let prefix = Int(objective.hiding(batch).input.mask.keyEnds?[0] ?? 0)
        try #require(prefix > 1 && prefix < 11)
        let before = states(batch)
        var inside = batch
        inside.ids[prefix - 1] = 3
        #expect(states(inside)[0] != before[0])
        var behind = batch
        behind.ids[prefix + 1] = 3
        let after = states(behind)
        for place in 0..<12 { #expect((after[place] == before[place]) == (place <= prefix)) }
    }

    @Test func anEncoderDecoderReadsThePrefixAndWritesTheRest() throws {
        let objective = PrefixLanguageModeling(
            try ModelCatalog.model(configuration: Self.t5), seed: 3)
        objective.end = 1
        let batch = batch(rows: 5)
        let (input, targets) = objective.hiding(batch)
        let source = try #require(input.source?.tokens)
        guard case .ids(let read) = source.tokens else { return }
        for row in 0..<5 {
            let own = read[row * source.length..<(row + 1) * source.length].prefix { $0 != 1 }
            let written = targets[row * input.length..<(row + 1) * input.length].filter { $0 >= 0 }
            #expect(written.last == 1)
            let sample = batch.ids[row * 12..<(row + 1) * 12] + [batch.targets[row * 12 + 11]]
            #expect(Array(own) + written.dropLast() == Array(sample))
        }
    }

    /// GLM's mask: the text sees none of the blocks, a block all of the text and the blocks before it.
    @Test func theTextDoesNotSeeItsBlocksNorABlockLaterOnes() throws {
        let model = try ModelCatalog.model(
            configuration: """
                {"model_type": "gpt2", "vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4,
                 "n_positions": 64, "block_position_embeddings": true}
                """)
        let workspace = Workspace(threads: 1)
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        store.initialize(seed: 4)
        let marks = BlankMasking.Marks(classifier: 0, mask: 1, restMask: 1, start: 2, end: 3)
        let objective = BlankInfilling(
            model, BlankMasking(marks: marks, endOfText: nil, seed: 5))
        let batch = batch(rows: 1, columns: 40)
        let input = objective.hiding(batch).input
        guard case .ids(let ids) = input.tokens else { return }
        let length = Int(input.mask.keyEnds?[0] ?? 0)
        let starts = ids.indices.filter { ids[$0] == 2 }
        try #require(starts.count > 1 && starts[0] == length)
        func states(_ ids: [Int32], blockPositions: [Int32]? = nil) -> [[Float]] {
            let pass = ForwardPass(workspace: workspace, computeType: .float32)
            var changed = TokenInput(ids: ids, batch: 1)
            (changed.positions, changed.mask) = (input.positions, input.mask)
            changed.types = blockPositions ?? input.types
            let numbers = workspace.numbers(model.hiddenStates(changed, in: pass))
            return ids.indices.map { Array(numbers[$0 * 32..<($0 + 1) * 32]) }
        }
        let before = states(ids)
        for (place, first) in [(starts[0] + 1, starts[0] + 1), (starts[1], starts[1])] {
            var changed = ids
            changed[place] = 77
            let after = states(changed)
            for other in ids.indices { #expect((after[other] == before[other]) == (other < first)) }
        }
        // A text's last token is seen by its first, and by all blocks.
        var changed = ids
        changed[length - 1] = 77
        let after = states(changed)
        #expect(ids.indices.allSatisfy { after[$0] != before[$0] })
        // Places within blocks count.
        let flat = states(ids, blockPositions: ids.map { _ in 0 })
        #expect(flat[0] == before[0] && flat[starts[0]] != before[starts[0]])
    }

    @Test func rowsThatFillABatchHaveNoLoss() throws {
        let (llama, t5) = (
            try ModelCatalog.model(configuration: Self.llama),
            try ModelCatalog.model(configuration: Self.t5)
        )
        let filler = TokenBatch(rows: 2, columns: 30)
        let middles = FillInTheMiddle(llama)
        middles.cuts = MiddleCuts(
            marks: .init(prefix: 1, suffix: 2, middle: 3, end: nil), endOfText: nil, seed: 1,
            encode: { $0.map(Int32.init) }, decode: { $0.map(UInt8.init) })
        let mixture = try #require(DenoiserMixture(inputLimit: 20, rates: [1, 1, 1], seed: 1))
        let objectives: [any HiddenTokensObjective] = [
            PrefixLanguageModeling(llama, seed: 1), PrefixLanguageModeling(t5, seed: 1), middles,
            MixtureOfDenoisers(t5, mixture),
            BlankInfilling(
                llama,
                BlankMasking(
                    marks: .init(classifier: 0, mask: 1, restMask: 1, start: 2, end: 3),
                    endOfText: nil, seed: 5)),
        ]
        for objective in objectives {
            #expect(objective.hiding(filler).targets.allSatisfy { $0 < 0 })
        }
    }

    @Test func aCutTextIsReadUpToItsLastTokenAndWhatIsMissingHasNoLoss() throws {
        let objective = FillInTheMiddle(try ModelCatalog.model(configuration: Self.llama))
        var cuts = MiddleCuts(
            marks: .init(prefix: 1, suffix: 2, middle: 3, end: nil), endOfText: 0, seed: 1,
            // Parts have half the tokens that the text had.
            encode: { $0.prefix(($0.count + 1) / 2).map(Int32.init) },
            decode: { $0.map(UInt8.init) })
        cuts.rate = 1
        objective.cuts = cuts
        let batch = batch(columns: 30)
        let (input, targets) = objective.hiding(batch)
        guard case .ids(let ids) = input.tokens else { return }
        #expect(ids.count == 90 && targets.count == 90)
        for row in 0..<3 {
            let (own, wanted) = (ids[row * 30..<(row + 1) * 30], targets[row * 30..<(row + 1) * 30])
            let count = wanted.count { $0 >= 0 }
            #expect((15..<30).contains(count))
            #expect(Array(own.dropFirst().prefix(count)) == Array(wanted.prefix(count)))
            #expect(wanted.dropFirst(count).allSatisfy { $0 == TokenBatch.ignoredTarget })
        }
    }
}
