import Autograd
import Files
import ModelFiles
import Models
import Objectives
import Templates
import TestSupport
import Testing
import TextData

/// Rotary angles that depend on a text's length are those of all its tokens, the last one too, which a model of
/// the next token is not given.
@Suite struct WholeTextAnglesTests {
    enum Kind: CaseIterable {
        /// Phi-3's longrope, whose angles change once, and Llama with dynamic NTK, whose change with each token.
        case phi3, dynamic
    }

    /// A tiny model whose angles change beyond 32 tokens.
    private func model(_ kind: Kind) throws -> InferenceModel {
        let folder: ModelFolder
        switch kind {
        case .phi3:
            folder = try ModelFolder("phi3_longrope", in: "architectures")
            try folder.change([
                ("original_max_position_embeddings", .int(32)),
                ("max_position_embeddings", .int(1024)),
            ])
        case .dynamic:
            folder = try ModelFolder("llama", in: "models")
            let scaling: [JSONValue.Member] = [
                ("rope_type", .string("dynamic")), ("factor", .double(4)),
            ]
            try folder.change([
                ("rope_scaling", .object(scaling)), ("max_position_embeddings", .int(32)),
            ])
        }
        return try withExtendedLifetime(folder) {
            try InferenceModel(path: folder.path, threads: 1)
        }
    }

    private func text(_ length: Int) -> [Int32] {
        (0..<Int32(length)).map { (place: Int32) -> Int32 in
            (5 + place * 7 + place * place % 11) % 41
        }
    }

    /// The mean loss by transformers 5.23.0 of texts of these lengths, the model given all tokens, one text at a
    /// time in this order (scripts/references/transformers_literals.py).
    private static let lengths = [20, 33, 34, 40]
    private static let losses: [Kind: [Double]] = [
        .phi3: [5.0866354, 4.9514124, 4.9031076, 4.9699661],
        .dynamic: [5.1352603, 4.9358351, 4.9469851, 5.1068350],
    ]

    // Means of float32 losses of order 5, whose logits are sums of 32 products: roundings of 6e-8 each, some 1e-6
    // together. By transformers, the angles of a token less change Phi-3's loss of 33 tokens by 0.09, those of
    // dynamic NTK by 0.005 and more.
    private let tolerance = 2e-5

    private func batch(_ lengths: [Int]) throws -> TokenBatch {
        let examples = lengths.map { TokenizedExample(ids: text($0), labels: text($0)) }
        let samples = ExampleSamples(examples, longest: 64)
        return try EvaluationBatches(samples, rank: 0, ranks: 1, batch: lengths.count).batch(0)
    }

    @Test(arguments: Kind.allCases)
    func anExampleHasTheAnglesOfItsWholeTextAloneAndBesideOthers(kind: Kind) throws {
        let (inference, expected) = (try model(kind), try #require(Self.losses[kind]))
        let objective = SupervisedFinetuning(
            inference.model, lossForm: LossForm(), computesAccuracy: false)
        var sum = 0.0
        for (length, expected) in zip(Self.lengths, expected) {
            let batch = try batch([length])
            let found = objective.evaluate(batch, in: inference.pass)
            let learned = objective.loss(batch, given: Measures([]), in: inference.pass)
            #expect(abs(found.loss.sum / found.divisor - expected) < tolerance)
            #expect(abs(learned.loss.sum / learned.divisor - expected) < tolerance)
            sum += expected * found.divisor
        }
        let together = objective.evaluate(try batch(Self.lengths), in: inference.pass)
        #expect(abs(together.loss.sum - sum) < tolerance * together.divisor)
    }

    // TRL 1.10 gives the model all tokens of prompt and answer.
    @Test(arguments: Kind.allCases)
    func anAnswerHasTheAnglesOfItsWholeTextBesideOthers(kind: Kind) throws {
        let (inference, expected) = (try model(kind), try #require(Self.losses[kind]))
        let rows = AnswerRows(
            Self.lengths.map { length in
                PromptedAnswer(prompt: [text(1)[0]], answer: Array(text(length).dropFirst()))
            })
        let sums = inference.model.answerSums(rows, in: inference.pass)
        for (number, length) in Self.lengths.enumerated() {
            #expect(abs(-sums[number] / Double(length - 1) - expected[number]) < tolerance)
        }
    }

    @Test(arguments: Kind.allCases)
    func aScoredTextHasTheAnglesOfAllItsTokens(kind: Kind) throws {
        let (inference, expected) = (try model(kind), try #require(Self.losses[kind]))
        for (length, expected) in zip(Self.lengths, expected) {
            let scores = try inference.logProbabilities(text(length), of: "a text")
            let mean = -scores.reduce(0.0) { $0 + Double($1) } / Double(length - 1)
            #expect(abs(mean - expected) < tolerance)
        }
    }

    /// By transformers as above, the model given 32 of 33 tokens (scripts/references/transformers_literals.py).
    @Test func aWindowOfRunningTextHasTheAnglesOfItsInputs() throws {
        let inference = try model(.phi3)
        let window = TokenBatch(
            rows: 1, columns: 32, ids: text(32), targets: Array(text(33).dropFirst()))
        let found = CausalPretraining(inference.model).evaluate(window, in: inference.pass)
        #expect(abs(found.loss.sum / found.divisor - 4.8590237) < tolerance)
    }

    @Test func theLongestOfPackedTextsCounts() throws {
        let packed = TokenizedExample(
            ids: text(53), labels: text(53),
            segments: Array(repeating: 1, count: 20) + Array(repeating: 2, count: 33))
        let samples = ExampleSamples([packed], longest: 64)
        let batch = try EvaluationBatches(samples, rank: 0, ranks: 1, batch: 1).batch(0)
        #expect(batch.textLengths == [33] && batch.row(0).textLengths == [33])
    }
}
