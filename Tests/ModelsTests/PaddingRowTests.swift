import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// The row of pad_token_id in a decoder's embedding, as transformers 5.23 has it by `padding_idx`.
@Suite struct PaddingRowTests {
    private static let (vocabulary, width) = (11, 8)
    private static let table = "model.embed_tokens.weight"
    private static let head = "lm_head.weight"

    private static func configuration(_ members: String, type: String = "llama") -> String {
        """
        {"model_type": "\(type)", "vocab_size": 11, "hidden_size": 8, "intermediate_size": 12,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4\(members)}
        """
    }

    private static func model(_ members: String) throws -> any LanguageModel {
        try ModelCatalog.model(configuration: configuration(members))
    }

    /// Every gradient of a text in which token 2 is read and foretold; all models have the same numbers.
    private static func gradients(tied: Bool, padding: String) throws -> [String: [Float]] {
        let model = try model(
            ", \"tie_word_embeddings\": \(tied), \"pad_token_id\": \(padding)")
        let workspace = Workspace(threads: 1)
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: true, in: workspace)
        store.initialize(seed: 5)
        let shared = (0..<vocabulary * width).map { Float(($0 * 37) % 23 - 11) / 11 }
        for parameter in model.parameters where [table, head].contains(parameter.name) {
            workspace.assign(shared, to: parameter)
        }
        let pass = ForwardPass(workspace: workspace, computeType: .float32, tape: Tape())
        let loss = model.loss(
            [1, 2, 5, 2, 7, 3], targets: [2, 5, 2, 7, 3, 2], batch: 1, in: pass)
        pass.backward(from: loss) { _ in }
        var gradients: [String: [Float]] = [:]
        for parameter in model.parameters {
            let gradient = try #require(parameter.gradient)
            gradients[parameter.name] = workspace.numbers(gradient, count: parameter.count)
        }
        return gradients
    }

    private static func row(_ id: Int, of numbers: [Float]) -> [Float] {
        Array(numbers[id * width..<(id + 1) * width])
    }

    @Test func lookupsOfItHaveNoGradient() throws {
        var plain = try Self.gradients(tied: false, padding: "null")
        let padded = try Self.gradients(tied: false, padding: "2")
        var table = try #require(plain[Self.table])
        #expect(Self.row(2, of: table).contains { $0 != 0 })
        table.replaceSubrange(2 * Self.width..<3 * Self.width, with: repeatElement(0, count: 8))
        plain[Self.table] = table
        #expect(padded == plain)
    }

    // The tied table's gradient is the sum of that of its lookups and that of the head.
    @Test func aTiedHeadGivesItsOwn() throws {
        let untied = try Self.gradients(tied: false, padding: "null")
        let plain = try #require(Self.gradients(tied: true, padding: "null")[Self.table])
        let padded = try #require(Self.gradients(tied: true, padding: "2")[Self.table])
        let head = try #require(untied[Self.head])
        for id in 0..<Self.vocabulary {
            let expected = Self.row(id, of: id == 2 ? head : plain)
            // Sums of six float32 numbers.
            #expect(Difference.relative(Self.row(id, of: padded), expected) < 1e-6)
        }
        #expect(Difference.relative(Self.row(2, of: plain), Self.row(2, of: head)) > 1e-3)
    }

    @Test func itBeginsAsZeros() throws {
        let model = try Self.model(", \"pad_token_id\": 2")
        let workspace = Workspace(threads: 1)
        ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
            .initialize(seed: 5)
        let table = try #require(model.parameters.first { $0.name == Self.table })
        let numbers = workspace.numbers(table)
        #expect(Self.row(2, of: numbers).allSatisfy { $0 == 0 })
        #expect(Self.row(3, of: numbers).allSatisfy { $0 != 0 })
    }

    // A default beyond the vocabulary is none; PyTorch counts negative ones from the end.
    @Test(
        arguments: [
            ("llama", "", nil), ("llama", ", \"pad_token_id\": null", nil),
            ("llama", ", \"pad_token_id\": 10", 10), ("llama", ", \"pad_token_id\": -1", 10),
            ("gemma", "", 0), ("gemma", ", \"pad_token_id\": null", nil), ("phi3", "", nil),
            ("phi3", ", \"pad_token_id\": 4", 4), ("glm4", ", \"pad_token_id\": 4", 4),
            ("qwen3", ", \"pad_token_id\": 4", 4), ("smollm3", "", nil), ("granite", "", nil),
            ("ernie4_5", "", 0),
            ("granite", ", \"pad_token_id\": 4", 4), ("olmo2", "", 1),
            ("olmo2", ", \"pad_token_id\": null", nil),
            ("smollm3", ", \"pad_token_id\": 4", 4),
        ] as [(String, String, Int?)])
    func itIsThatOfTheConfiguration(type: String, members: String, expected: Int?) throws {
        let model = try ModelCatalog.model(
            configuration: Self.configuration(members, type: type))
        let table = try #require(model.parameters.first { $0.name == Self.table })
        #expect(table.paddingRow == expected)
    }

    @Test(arguments: ["11", "-12", "\"2\""])
    func oneBeyondTheVocabularyIsRefused(said: String) {
        #expect(throws: ModelError.self) { try Self.model(", \"pad_token_id\": \(said)") }
    }

    // OPT's class has a default, and files that leave the key out have it too.
    @Test(
        arguments: [("", 1), (", \"pad_token_id\": null", nil), (", \"pad_token_id\": 4", 4)]
            as [(String, Int?)])
    func itIsOPTsOwnWhereTheKeyIsMissing(members: String, expected: Int?) throws {
        let model = try ModelCatalog.model(
            configuration: """
                {"model_type": "opt", "vocab_size": 11, "hidden_size": 8, "num_attention_heads": 2,
                "ffn_dim": 8, "num_hidden_layers": 1, "max_position_embeddings": 16\(members)}
                """)
        #expect(model.registry.embeddings[0].embedding.weight.paddingRow == expected)
        #expect(model.parameters.filter { $0.paddingRow != nil }.count == (expected == nil ? 0 : 1))
    }

    // Their own code builds the embeddings of these without padding_idx.
    @Test(arguments: ["architectures/chatglm", "architectures/gpt_neox", "models/gpt2"])
    func othersHaveNone(folder: String) throws {
        let text = try References.text("\(folder)/config.json")
        let rest = try #require(text.firstIndex(of: "{"))
        let model = try ModelCatalog.model(
            configuration: "{\"pad_token_id\": 2, " + text[text.index(after: rest)...])
        #expect(model.parameters.allSatisfy { $0.paddingRow == nil })
    }
}
