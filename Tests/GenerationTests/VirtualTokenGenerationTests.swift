import Autograd
import Configuration
import Files
import Generation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing

/// Texts that go on behind virtual tokens, against PEFT's (scripts/references/peft_prompts.py).
@Suite struct VirtualTokenGenerationTests {
    static let cases = [
        "llama_prompt", "gpt2_prompt", "gemma2_prompt", "qwen2_p_tuning", "llama_prefix",
        "mistral_prefix", "qwen3_prefix", "gpt2_prefix",
    ]
    /// Tokens that PEFT's texts begin with.
    private static let beginning = 9

    private func model(_ name: String) throws -> InferenceModel {
        let base = try References.object("peft_prompts/\(name)/case.json")["base"] as? String ?? ""
        func path(_ place: String) -> String {
            References.folder.appendingPathComponent(place).path
        }
        return try InferenceModel(
            path: path(base.contains("/") ? base : "models/" + base),
            adapters: [path("peft_prompts/\(name)")], threads: 2)
    }

    private func texts(_ name: String) throws -> (prompts: [[Int32]], texts: [[Int32]]) {
        let file = try ReferenceFile("peft_prompts/\(name)/reference.safetensors")
        func rows(_ array: String) throws -> [[Int32]] {
            let (numbers, shape) = (try file.integers(array), try file.shape(array))
            return (0..<shape[0]).map { Array(numbers[$0 * shape[1]..<($0 + 1) * shape[1]]) }
        }
        return (
            try rows("input_ids").map { Array($0.prefix(Self.beginning)) }, try rows("generated")
        )
    }

    @Test(arguments: cases)
    func greedyTextsAreThoseOfPEFT(name: String) throws {
        let inference = try model(name)
        let (prompts, expected) = try texts(name)
        let count = expected[0].count
        let found = inference.model.generate(
            afterEach: prompts, count: count, sampler: Sampler(.greedy), ends: [],
            computeType: .float32, in: inference.workspace)
        #expect(found == expected)
        for (prompt, text) in zip(prompts, expected) {
            var single: [Int32] = []
            inference.model.generate(
                after: prompt, count: count, sampler: Sampler(.greedy), ends: [],
                computeType: .float32, in: inference.workspace
            ) {
                single.append($0)
                return true
            }
            #expect(single == text)
        }
    }

    /// A conversation that goes back keeps the virtual tokens, and equals a fresh one.
    @Test(arguments: cases)
    func aSessionThatGoesBackEqualsAFreshOne(name: String) throws {
        let inference = try model(name)
        func session() -> GenerationSession {
            GenerationSession(inference.model, computeType: .float32, in: inference.workspace)
        }
        let prompt = try texts(name).prompts[0]
        var other = prompt
        other[4] = (other[4] + 1) % 50
        let kept = session()
        for text in [prompt, Array(prompt.prefix(5)), other, prompt, Array(other.prefix(1))] {
            let found = kept.logits(after: text)
            // The same products over rows of another number.
            #expect(Difference.relative(found, session().logits(after: text)) < 1e-5)
            let whole = inference.model.logits(text, batch: 1, in: inference.pass)
            let numbers = inference.workspace.numbers(whole)
            #expect(
                Difference.relative(found, Array(numbers.suffix(found.count))) < 1e-5)
        }
        #expect(kept.limit == inference.model.description.maximumPositions)
    }

    /// Rotary angles that change with the length count the virtual tokens, whose keys have those of the whole text.
    @Test(arguments: ["llama_prompt", "llama_prefix"])
    func anglesAreThoseOfTheWholeTextWithThem(name: String) throws {
        let folder = try ModelFolder("llama", in: "models")
        func numbers(_ numbers: [Double]) -> JSONValue { .array(numbers.map { .double($0) }) }
        let scaling: [JSONValue.Member] = [
            ("rope_type", .string("longrope")), ("factor", .int(5)),
            ("original_max_position_embeddings", .int(16)),
            ("short_factor", numbers([1, 1.25, 1.5, 1.75])),
            ("long_factor", numbers([1.5, 3, 4.5, 6])),
        ]
        try folder.change([("rope_scaling", .object(scaling))])
        let adapter = References.folder.appendingPathComponent("peft_prompts/\(name)").path
        let inference = try withExtendedLifetime(folder) {
            try InferenceModel(path: folder.path, adapters: [adapter], threads: 2)
        }
        let kept = GenerationSession(
            inference.model, computeType: .float32, in: inference.workspace)
        let text = (0..<30).map { (place: Int32) -> Int32 in (5 + place * 7) % 50 }
        // Around the limit, which the virtual tokens bring nearer, and back.
        for length in [4, 9, 10, 11, 12, 13, 14, 15, 16, 17, 30, 6] {
            let found = kept.logits(after: Array(text[..<length]))
            let whole = inference.workspace.numbers(
                inference.model.logits(
                    Array(text[..<length]), batch: 1, in: inference.pass))
            // The same products over rows of another number.
            #expect(
                Difference.relative(found, Array(whole.suffix(found.count))) < 1e-5,
                "\(length) tokens")
        }
    }

    @Test(arguments: ["llama_prompt", "gpt2_prefix"])
    func beamsBeginWithThemToo(name: String) throws {
        let inference = try model(name)
        let (prompts, expected) = try texts(name)
        let found = inference.model.generate(
            after: prompts[0], count: 6, beams: BeamSettings(count: 1), sampler: Sampler(.greedy),
            ends: [], computeType: .float32, in: inference.workspace)
        #expect(found == Array(expected[0].prefix(6)))
    }

    /// All positions of a model with learned ones can be used, and no more.
    @Test func aTextEndsWherePositionsDo() throws {
        let inference = try model("gpt2_prefix")
        let session = GenerationSession(
            inference.model, computeType: .float32, in: inference.workspace)
        var count = 0
        let end = session.generate(
            after: [1, 2, 3], count: 100, sampler: Sampler(.greedy), ends: []
        ) { _ in
            count += 1
            return true
        }
        #expect(end == .contextFull)
        #expect(count + 3 == inference.model.description.maximumPositions)
        #expect(inference.model.description.maximumPositions == 64 - 6)
    }
}
