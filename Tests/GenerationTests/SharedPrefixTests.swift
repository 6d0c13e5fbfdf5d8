import Configuration
import Files
import Generation
import ModelFiles
import TestSupport
import Testing

/// What an engine's texts have in common is computed once.
@Suite struct SharedPrefixTests {
    /// A model with room for prompts of several pieces.
    private func engine(slots: Int) throws -> AnswerEngine {
        let folder = try ModelFolder("model", in: "finetuning")
        try folder.change([("max_position_embeddings", .int(1024))])
        var settings = AnswerEngine.Settings()
        settings.slots = slots
        return try withExtendedLifetime(folder) {
            AnswerEngine(try InferenceModel(path: folder.path, threads: 2), settings)
        }
    }

    private func request(_ length: Int, last: Int32, count: Int = 6) -> AnswerRequest {
        let prompt = (0..<Int32(length)).map { 5 + $0 * 7 % 40 } + [last]
        var request = AnswerRequest(
            prompt: prompt, count: count, ends: [], sampling: SamplingSettings.greedy)
        request.alternatives = 1
        return request
    }

    private func read(
        _ stream: AsyncStream<AnswerEvent>
    ) async -> (tokens: [AnswerToken], reused: Int) {
        var (tokens, reused): ([AnswerToken], Int) = ([], 0)
        for await event in stream {
            if case .token(let token) = event { tokens.append(token) }
            if case .begun(let count) = event { reused = count }
        }
        return (tokens, reused)
    }

    // 150 ids in common are a whole piece of 128 and more.
    @Test func requestsOfOneBeginningShareItAndAnswerAsAlone() async throws {
        let requests = [request(150, last: 3), request(150, last: 4), request(150, last: 4)]
        var alone: [[AnswerToken]] = []
        for request in requests {
            let engine = try engine(slots: 1)
            alone.append(await read(try engine.answers(to: [request])[0]).tokens)
            engine.stop(within: 10)
        }
        let engine = try engine(slots: 4)
        var reused: [Int] = []
        var together: [[AnswerToken]] = []
        for stream in try engine.answers(to: requests) {
            let (tokens, count) = await read(stream)
            together.append(tokens)
            reused.append(count)
        }
        #expect(together == alone)
        #expect(reused == [0, 128, 128])
        #expect(engine.figures.promptTokens == 151 + 23 + 23)
        #expect(engine.figures.reusedTokens == 256)
        engine.stop(within: 10)
    }

    @Test func aLaterRequestGoesOnFromAnEarlierOnesSlot() async throws {
        let engine = try engine(slots: 2)
        let first = await read(try engine.answers(to: [request(140, last: 3)])[0])
        let second = await read(try engine.answers(to: [request(140, last: 3)])[0])
        #expect(first.reused == 0 && second.reused == 128)
        #expect(first.tokens == second.tokens)
        engine.stop(within: 10)
    }

    /// Whoever asks for the prompt's own log-probabilities gets all of them computed.
    @Test func aScoredPromptIsComputedWhole() async throws {
        let engine = try engine(slots: 2)
        var scored = request(140, last: 3)
        scored.promptAlternatives = 0
        _ = await read(try engine.answers(to: [scored])[0])
        #expect(await read(try engine.answers(to: [scored])[0]).reused == 0)
        engine.stop(within: 10)
    }
}
