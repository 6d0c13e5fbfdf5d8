import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// What a model begins with that is trained from scratch.
@Suite struct InitialNumbersTests {
    // 2 without the key and 3 where it is null, as transformers has them; a tenth of that many thousand numbers
    // lies further out where nothing is cut off.
    @Test(arguments: [("0.5", 0.5), ("2.0", 2), ("null", 3), (nil, 2)] as [(String?, Float)])
    func modernBERTsAreCutOff(said: String?, cutoff: Float) throws {
        let members = said.map { "\"initializer_cutoff_factor\": \($0), " } ?? ""
        let model = try ModelCatalog.model(configuration: Self.configuration(members))
        let workspace = Workspace(threads: 1)
        ParameterStore(model.parameters, computeType: .float32, training: false, in: workspace)
            .initialize(seed: 3)
        var largest: [Float: Float] = [:]
        for parameter in model.parameters where parameter.shape.extents.count == 2 {
            // Wo and the head's layer: 0.02 / √(2 · layers), with two layers half of it.
            let narrow = parameter.name.hasSuffix("Wo.weight") || parameter.name.contains("head")
            let deviation: Float = narrow ? 0.01 : 0.02
            let numbers = workspace.numbers(parameter.value, count: parameter.shape.count)
            largest[deviation] = max(
                largest[deviation] ?? 0, numbers.map { abs($0) }.max() ?? 0)
        }
        for (deviation, found) in largest {
            #expect(found <= cutoff * deviation)
            #expect(found > 0.95 * cutoff * deviation)
        }
    }

    @Test(arguments: ["0", "-1", "0.05", "true", "\"2\""])
    func whatCannotCutOffIsRefused(said: String) throws {
        #expect(throws: ModelError.self) {
            try ModelCatalog.model(
                configuration: Self.configuration("\"initializer_cutoff_factor\": \(said), "))
        }
    }

    private static func configuration(_ members: String) -> String {
        """
        {\(members)"model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"], "vocab_size": 300,
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
        "pad_token_id": 0, "max_position_embeddings": 128}
        """
    }
}
