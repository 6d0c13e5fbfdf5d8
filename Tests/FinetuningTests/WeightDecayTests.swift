import Finetuning
import Models
import TestSupport
import Testing

/// Which parameters decay that are no plain matrices, norms or biases: transformers 5.23 goes by what they are called
/// (`Trainer.get_decay_parameter_names`).
@Suite struct WeightDecayTests {
    @Test func magnitudesOfDoRADecay() throws {
        let model = try ModelCatalog.model(
            configuration: try References.text("models/llama/config.json"))
        var configuration = LoRAConfiguration()
        configuration.isDecomposed = true
        _ = try LoRA(configuration, attachingTo: model)
        let vectors = model.parameters.filter { $0.name.hasSuffix("lora_magnitude_vector") }
        #expect(!vectors.isEmpty && vectors.allSatisfy { $0.decays && !$0.isMatrix })
        let norms = model.parameters.filter { $0.name.contains("norm") }
        #expect(!norms.isEmpty && norms.allSatisfy { !$0.decays && !$0.isMatrix })
    }

    @Test func numbersOfPEFTsOtherMethodsDecay() throws {
        for settings: AdapterCatalog.Settings in [
            .ia3(IA3Configuration()), .oft(OFTConfiguration()), .boft(BOFTConfiguration()),
        ] {
            let model = try ModelCatalog.model(
                configuration: try References.text("models/llama/config.json"))
            let method = try AdapterCatalog.method(settings, attachingTo: model)
            #expect(
                !method.adapterParameters.isEmpty
                    && method.adapterParameters.allSatisfy { $0.decays && !$0.isMatrix })
        }
    }

    @Test func tablesOfRelativeBiasesDoNotDecay() throws {
        let model = try ModelCatalog.model(
            configuration: """
                {"model_type": "t5", "vocab_size": 64, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2,
                 "num_heads": 4}
                """)
        let tables = model.parameters.filter { $0.name.contains("relative_attention_bias") }
        #expect(tables.count == 2 && tables.allSatisfy { !$0.decays && $0.isMatrix })
        let others = model.parameters.filter { $0.isMatrix && !$0.name.contains("bias") }
        #expect(!others.isEmpty && others.allSatisfy(\.decays))
    }
}
