import Configuration
import Foundation
import Generation
import ModelFiles
import TestSupport
import Testing

/// Several adapters over one base in one engine (PEFT's, scripts/references/peft_adapters.py).
@Suite struct AdapterChoiceTests {
    private static func folder(_ name: String) -> String {
        References.folder.appendingPathComponent(name).path
    }

    private static let base = folder("models/llama")
    private static let adapters = [
        "adapters/llama_lora", "adapters/llama_dora", "peft_methods/llama_ia3",
        "peft_methods/llama_oft",
    ].map(folder)

    private func tokens(
        _ engine: AnswerEngine, _ choices: [Int?]
    ) async throws -> [[AnswerToken]] {
        let requests = choices.map { choice in
            var request = AnswerRequest(
                prompt: [4, 9, 23, 7], count: 12, ends: [], sampling: SamplingSettings.greedy)
            request.alternatives = 1
            request.adapter = choice
            return request
        }
        var all: [[AnswerToken]] = []
        for stream in try engine.answers(to: requests) {
            var tokens: [AnswerToken] = []
            for await event in stream {
                if case .token(let token) = event { tokens.append(token) }
            }
            all.append(tokens)
        }
        return all
    }

    @Test func eachAnswersAsItDoesAloneOverTheBase() async throws {
        var alone: [[AnswerToken]] = []
        for adapters in [[]] + Self.adapters.map({ [$0] }) {
            let engine = AnswerEngine(
                try InferenceModel(path: Self.base, adapters: adapters, threads: 2))
            alone += try await tokens(engine, [nil])
            engine.stop(within: 10)
        }
        let engine = AnswerEngine(
            try InferenceModel(path: Self.base, choices: Self.adapters, threads: 2))
        // Together, so that passes of all of them alternate.
        let found = try await tokens(engine, [nil, 0, 1, 2, 3])
        #expect(found == alone)
        #expect(Set(found.map { $0.map(\.logProbability) }).count == 5, "all differ")
        engine.stop(within: 10)
    }

    @Test func whatChangesTheBaseIsRefused() throws {
        for (name, word) in [("adapters/llama_saved", "numbers of the base")] {
            let error = #expect(throws: ModelFileError.self) {
                _ = try InferenceModel(
                    path: Self.base, choices: [Self.adapters[0], Self.folder(name)], threads: 1)
            }
            #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
        }
    }
}
