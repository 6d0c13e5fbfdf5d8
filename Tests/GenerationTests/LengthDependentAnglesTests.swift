import Autograd
import Configuration
import Files
import Generation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing

/// Models whose rotary angles depend on the length of a text: in pieces against one pass, among others against
/// alone, and what they write against transformers.
@Suite struct LengthDependentAnglesTests {
    enum Kind: CaseIterable {
        /// Phi-3's longrope, after which a text is computed anew.
        case phi3
        /// Llama with longrope, and with dynamic NTK.
        case longrope, dynamic
    }

    /// A tiny model.
    ///
    /// - Parameter limit: tokens of a text up to which its angles are those of short ones.
    private func model(
        _ kind: Kind, limit: Int = 12, threads: Int = 1
    ) throws -> InferenceModel {
        func numbers(_ numbers: [Double]) -> JSONValue { .array(numbers.map { .double($0) }) }
        let isPhi3 = kind == .phi3
        let folder = try ModelFolder(
            isPhi3 ? "phi3_longrope" : "llama", in: isPhi3 ? "architectures" : "models")
        switch kind {
        case .phi3:
            if limit != 12 {
                try folder.change([
                    ("original_max_position_embeddings", .int(limit)),
                    ("max_position_embeddings", .int(1024)),
                ])
            }
        case .longrope:
            let scaling: [JSONValue.Member] = [
                ("rope_type", .string("longrope")), ("factor", .double(5)),
                ("original_max_position_embeddings", .int(limit)),
                ("short_factor", numbers([1, 1.25, 1.5, 1.75])),
                ("long_factor", numbers([1.5, 3, 4.5, 6])),
            ]
            try folder.change([("rope_scaling", .object(scaling))])
        case .dynamic:
            let scaling: [JSONValue.Member] = [
                ("rope_type", .string("dynamic")), ("factor", .double(4)),
            ]
            try folder.change([
                ("rope_scaling", .object(scaling)), ("max_position_embeddings", .int(limit)),
            ])
        }
        return try withExtendedLifetime(folder) {
            try InferenceModel(path: folder.path, threads: threads)
        }
    }

    private func session(_ inference: InferenceModel) -> GenerationSession {
        GenerationSession(
            inference.model, computeType: .float32, in: inference.workspace, limit: 1024)
    }

    private func engine(_ kind: Kind, limit: Int = 12, slots: Int) throws -> AnswerEngine {
        var settings = AnswerEngine.Settings()
        settings.slots = slots
        settings.limit = 1024
        return AnswerEngine(try model(kind, limit: limit), settings)
    }

    private func prompt(_ length: Int, last: Int32? = nil) -> [Int32] {
        var ids = (0..<Int32(length)).map { (place: Int32) -> Int32 in
            (5 + place * 7 + place * place % 11) % 41
        }
        if let last { ids[length - 1] = last }
        return ids
    }

    private func request(_ prompt: [Int32], _ count: Int) -> AnswerRequest {
        var request = AnswerRequest(prompt: prompt, count: count, ends: [], sampling: .greedy)
        request.alternatives = 2
        return request
    }

    private func greedy(
        _ session: GenerationSession, _ prompt: [Int32], _ count: Int
    ) -> [Int32] {
        var tokens: [Int32] = []
        _ = session.generate(after: prompt, count: count, sampler: Sampler(.greedy), ends: []) {
            tokens.append($0)
            return true
        }
        return tokens
    }

    private func read(
        _ stream: AsyncStream<AnswerEvent>
    ) async -> (tokens: [AnswerToken], scored: [AnswerToken], reused: Int) {
        var (tokens, scored, reused): ([AnswerToken], [AnswerToken], Int) = ([], [], 0)
        for await event in stream {
            switch event {
            case .begun(let count): reused = count
            case .prompt(let tokens): scored += tokens
            case .token(let token): tokens.append(token)
            case .ended: break
            }
        }
        return (tokens, scored, reused)
    }

    /// What transformers 5.23.0 writes (`generate`, greedily, 12 tokens, no end token) with the models of
    /// ``model(_:limit:threads:)`` (scripts/references/transformers_literals.py); the first two prompts
    /// grow past the limit, the last is beyond it.
    private static let prompts: [[Int32]] = [
        [3, 4, 5, 6, 7, 8, 9, 10], [5, 12, 19, 26, 33, 0, 7, 14, 21],
        [2, 13, 24, 35, 5, 16, 27, 38, 8, 19, 30, 0, 11, 22, 33, 3, 14, 25, 36, 6],
    ]
    private static let texts: [Kind: [[Int32]]] = [
        .phi3: [
            [11, 9, 39, 8, 0, 37, 0, 9, 19, 34, 15, 13],
            [18, 13, 19, 21, 0, 14, 5, 0, 10, 18, 11, 5],
            [5, 32, 21, 6, 16, 35, 26, 39, 39, 39, 29, 10],
        ],
        .longrope: [
            [32, 94, 62, 36, 86, 95, 29, 32, 80, 94, 62, 41],
            [47, 75, 65, 80, 90, 90, 81, 90, 81, 67, 74, 46],
            [79, 9, 63, 63, 63, 63, 63, 55, 70, 70, 70, 70],
        ],
        .dynamic: [
            [32, 94, 86, 63, 63, 55, 11, 32, 80, 11, 32, 11],
            [85, 92, 81, 81, 90, 91, 81, 90, 91, 94, 80, 94],
            [2, 83, 0, 81, 63, 63, 63, 63, 81, 63, 81, 81],
        ],
    ]

    // Pieces of 512. The same float32 sums, of up to 600 numbers, in another order: some roundings of logits of
    // order 1 to 10. With the angles of short texts in the first piece they differ by as much as they are.
    @Test(arguments: Kind.allCases)
    func aLongPromptIsComputedWithTheAnglesOfItsWholeLength(kind: Kind) throws {
        let inference = try model(kind, limit: 520)
        let text = prompt(600)
        let whole = inference.model.nextLogits(text, in: inference.pass)
        let found = session(inference).logits(after: text)
        #expect(Difference.relative(found, whole) < 2e-5)
    }

    // Pieces of 128.
    @Test(arguments: Kind.allCases)
    func aScoredPromptHasTheAnglesOfItsWholeLength(kind: Kind) async throws {
        var asked = request(prompt(200), 0)
        asked.promptAlternatives = 0
        let engine = try engine(kind, limit: 140, slots: 1)
        let found = await read(try engine.answers(to: [asked])[0]).scored
        engine.stop(within: 10)
        // The whole prompt is computed, its last token too.
        let inference = try model(kind, limit: 140)
        let expected = inference.model.logProbabilities(
            asked.prompt, targets: asked.prompt.dropFirst() + [-1], batch: 1, in: inference.pass)
        try #require(found.count == 199)
        for (found, expected) in zip(found, expected) {
            #expect(abs(found.logProbability - expected) < 1e-4)
        }
    }

    @Test(arguments: Kind.allCases)
    func textsThatGrowPastTheLimitAreThoseOfTransformers(kind: Kind) async throws {
        let inference = try model(kind)
        let expected = try #require(Self.texts[kind])
        for (prompt, text) in zip(Self.prompts, expected) {
            #expect(greedy(session(inference), prompt, 12) == text)
        }
        #expect(
            inference.model.generate(
                afterEach: Self.prompts, count: 12, sampler: Sampler(.greedy), ends: [],
                computeType: .float32, in: inference.workspace) == expected)
        let decoder = CompletionDecoder(
            inference.model, .greedy, ends: [], longest: 12, computeType: .float32,
            in: inference.workspace)
        let completions = decoder.completions(
            afterEach: Self.prompts, keys: [[1, 2], [3], [4]])
        let texts = completions.map { $0.map(\.ids) }
        #expect(texts == [[expected[0], expected[0]], [expected[1]], [expected[2]]])
        let engine = try engine(kind, slots: 3)
        let requests = Self.prompts.map { request($0, 12) }
        for (stream, text) in zip(try engine.answers(to: requests), expected) {
            #expect(await read(stream).tokens.map(\.id) == text)
        }
        engine.stop(within: 10)
    }

    // By transformers 5.23.0 with num_beams=2, early_stopping=False, 12 tokens, no end token
    // (scripts/references/transformers_literals.py).
    @Test func beamsThatGrowPastTheLimitAreThoseOfTransformers() throws {
        let inference = try model(.phi3)
        var settings = SamplingSettings.greedy
        settings.beams.count = 2
        settings.beams.lengthPenalty = 1
        settings.beams.earlyStopping = .guess
        let expected: [[Int32]] = [
            [11, 9, 26, 26, 26, 18, 11, 8, 14, 5, 13, 13],
            [18, 13, 19, 27, 27, 27, 27, 27, 27, 27, 24, 18],
        ]
        for (prompt, text) in zip(Self.prompts, expected) {
            #expect(inference.searched(after: prompt, count: 12, settings, ends: []) == text)
        }
    }

    @Test(arguments: Kind.allCases)
    func anAnswerIsTheSameBesideTextsOfOtherLengths(kind: Kind) async throws {
        let requests = [4, 9, 11, 12, 13, 30].map { request(prompt($0), 14) }
        var alone: [[AnswerToken]] = []
        for request in requests {
            let engine = try engine(kind, slots: 1)
            alone.append(await read(try engine.answers(to: [request])[0]).tokens)
            engine.stop(within: 10)
        }
        let engine = try engine(kind, slots: 6)
        var together: [[AnswerToken]] = []
        for stream in try engine.answers(to: requests) {
            together.append(await read(stream).tokens)
        }
        engine.stop(within: 10)
        #expect(together == alone)
    }

    // The first prompt is within the limit, the others beyond: a whole piece of the first has other angles. Of
    // the others, that of the same length can go on from it, and of another length where angles change once.
    @Test(arguments: Kind.allCases)
    func whatWasComputedWithOtherAnglesIsNotReused(kind: Kind) async throws {
        let requests = [
            prompt(135), prompt(200), prompt(200, last: 40), prompt(210), prompt(135, last: 40),
        ].map { request($0, 3) }
        let once = kind == .dynamic ? 0 : 128
        let engine = try engine(kind, limit: 140, slots: 3)
        for (asked, reused) in zip(requests, [0, 0, 128, once, 128]) {
            let fresh = try self.engine(kind, limit: 140, slots: 1)
            let expected = await read(try fresh.answers(to: [asked])[0])
            fresh.stop(within: 10)
            let found = await read(try engine.answers(to: [asked])[0])
            #expect(found.reused == reused && found.tokens == expected.tokens)
        }
        engine.stop(within: 10)
    }

    @Test(arguments: Kind.allCases)
    func aTurnBeyondTheLimitIsComputedFromItsBeginning(kind: Kind) throws {
        let inference = try model(kind)
        let turns = session(inference)
        let first = prompt(6)
        let longer = first + greedy(turns, first, 3) + prompt(9)
        let computed = turns.computedTokens
        let found = turns.logits(after: longer)
        #expect(turns.computedTokens - computed == longer.count)
        #expect(found == session(inference).logits(after: longer))
        // The same text again is there but for its last token.
        _ = turns.logits(after: longer)
        #expect(turns.computedTokens - computed == longer.count + 1)
    }
}
