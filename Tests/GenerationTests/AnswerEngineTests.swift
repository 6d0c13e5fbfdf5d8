import Configuration
import Dispatch
import Generation
import Kernels
import ModelFiles
import TestSupport
import Testing

@Suite struct AnswerEngineTests {
    private func engine(
        _ folder: String = "llama", slots: Int = 4, queue: Int = 64
    ) throws -> AnswerEngine {
        var settings = AnswerEngine.Settings()
        settings.slots = slots
        settings.queueLimit = queue
        return AnswerEngine(
            try InferenceModel(
                path: References.folder.appendingPathComponent("models/\(folder)").path, threads: 2),
            settings)
    }

    private func prompt(_ length: Int, from start: Int32) -> [Int32] {
        (0..<Int32(length)).map { (start + $0 * 7) % 50 }
    }

    private func request(_ prompt: [Int32], _ count: Int, seed: UInt64? = nil) -> AnswerRequest {
        var sampling = SamplingSettings.greedy
        if let seed {
            sampling.temperature = 1
            sampling.topP = 1
            sampling.topK = 0
            sampling.seed = seed
        }
        var request = AnswerRequest(prompt: prompt, count: count, ends: [], sampling: sampling)
        request.alternatives = 2
        return request
    }

    private func read(_ stream: AsyncStream<AnswerEvent>) async -> [AnswerToken] {
        var tokens: [AnswerToken] = []
        for await event in stream { if case .token(let token) = event { tokens.append(token) } }
        return tokens
    }

    // Eleven requests on four slots: they join and leave at different times, and each gets to the
    // last bit what it gets alone.
    @Test(arguments: ["gpt2", "llama", "mistral", "qwen3"])
    func anAnswerIsTheSameAloneAndInCompany(folder: String) async throws {
        let requests = (0..<11).map {
            request(prompt(3 + $0 * 5 % 17, from: Int32($0)), 4 + $0, seed: UInt64($0))
        }
        var alone: [[AnswerToken]] = []
        for request in requests {
            let engine = try engine(folder, slots: 1)
            alone.append(await read(try engine.answers(to: [request])[0]))
            engine.stop(within: 10)
        }
        let engine = try engine(folder, slots: 10)
        var together: [[AnswerToken]] = []
        for stream in try engine.answers(to: requests) { together.append(await read(stream)) }
        #expect(together == alone)
        #expect(engine.figures.rows > engine.figures.passes, "texts were computed together")
        engine.stop(within: 10)
    }

    // Twenty texts of one pass, in every way that a product with few rows is computed.
    @Test(arguments: [ElementType.float32, .bfloat16], [8, 4, nil])
    func manyTextsOfOnePassAreEachAsAlone(type: ElementType, bits: Int?) async throws {
        func answers(_ requests: [AnswerRequest], slots: Int) async throws -> [[AnswerToken]] {
            var settings = AnswerEngine.Settings()
            settings.slots = slots
            let engine = AnswerEngine(
                try InferenceModel(
                    path: References.folder.appendingPathComponent("models/llama").path,
                    quantizationBits: bits, computeType: type, threads: 2), settings)
            var all: [[AnswerToken]] = []
            for stream in try engine.answers(to: requests) { all.append(await read(stream)) }
            engine.stop(within: 10)
            return all
        }
        let requests = (0..<20).map { request(prompt(5, from: Int32($0)), 8, seed: UInt64($0)) }
        var alone: [[AnswerToken]] = []
        for request in requests { alone += try await answers([request], slots: 1) }
        #expect(try await answers(requests, slots: 20) == alone)
    }

    @Test func theAnswerIsWhatASessionGives() async throws {
        let engine = try engine()
        let asked = request(prompt(9, from: 4), 8)
        let found = await read(try engine.answers(to: [asked])[0]).map(\.id)
        let expected = try await engine.perform { inference in
            let session = GenerationSession(
                inference.model, computeType: .float32, in: inference.workspace)
            var tokens: [Int32] = []
            _ = session.generate(
                after: asked.prompt, count: 8, sampler: Sampler(.greedy), ends: []
            ) {
                tokens.append($0)
                return true
            }
            return tokens
        }
        #expect(found == expected)
        engine.stop(within: 10)
    }

    @Test func aFullQueueRefuses() async throws {
        let engine = try engine(slots: 1, queue: 2)
        let long = request(prompt(3, from: 0), 40)
        let running = try engine.answers(to: [long])
        var waiting: [AsyncStream<AnswerEvent>] = []
        let refusal = #expect(throws: EngineRefusal.self) {
            for _ in 0..<20 { waiting += try engine.answers(to: [long]) }
        }
        #expect(refusal == .full(waiting: 2) && (1...3).contains(waiting.count))
        for stream in running + waiting { #expect(await read(stream).count == 40) }
        engine.stop(within: 10)
        #expect(throws: EngineRefusal.stopping) { try engine.answers(to: [long]) }
    }

    @Test func aRequestThatIsLetGoOfLeavesItsSlot() async throws {
        let engine = try engine(slots: 1)
        // Nobody keeps the streams of forty requests.
        _ = try engine.answers(to: Array(repeating: request(prompt(3, from: 0), 50), count: 40))
        let next = try engine.answers(to: [request(prompt(5, from: 1), 2)])[0]
        #expect(await read(next).count == 2)
        engine.stop(within: 10)
        let figures = engine.figures
        #expect(figures.finished == 41 && figures.answerTokens < 40 * 50 / 2, "\(figures)")
    }

    /// Let go of while the engine is held between two turns: the turn that follows is its last, with the
    /// token of a prompt and the next one.
    @Test(.ownThread) func aRequestThatIsLetGoOfGetsTwoMoreTokensAtMost() async throws {
        var settings = AnswerEngine.Settings()
        settings.slots = 1
        settings.limit = 100_000
        let engine = AnswerEngine(
            try InferenceModel(
                path: References.folder.appendingPathComponent("models/llama").path, threads: 1),
            settings)
        var streams = try engine.answers(to: [request(prompt(3, from: 0), 90_000)])
        let (held, line) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        async let holding: Void = engine.perform { _ in
            line.finish()
            release.wait()
        }
        for await _ in held {}
        let before = engine.figures.answerTokens
        streams = []
        release.signal()
        try await holding
        engine.stop(within: 600)
        let figures = engine.figures
        #expect(before < 90_000 && figures.answerTokens - before <= 2, "\(before), \(figures)")
        #expect(streams.isEmpty && figures.finished == 1)
    }

    @Test func stoppingCutsShortWhatTakesTooLong() async throws {
        let engine = try engine(slots: 1)
        let streams = try engine.answers(to: [
            request(prompt(3, from: 0), 50), request(prompt(3, from: 0), 50),
        ])
        engine.stop(within: 0)
        for stream in streams {
            var last: AnswerEvent?
            for await event in stream { last = event }
            guard case .ended(let end)? = last else { throw EngineRefusal.stopping }
            #expect(end == .stopped || end == .count)
        }
    }
}
