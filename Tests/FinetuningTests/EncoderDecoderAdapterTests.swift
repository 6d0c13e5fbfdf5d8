import Finetuning
import Models
import TestSupport
import Testing

/// LoRA on encoder-decoders, as PEFT counts and names it.
@Suite struct EncoderDecoderAdapterTests {
    private static func mt0(_ layers: Int = 24, head: String = "false") -> String {
        """
        {"model_type": "mt5", "vocab_size": 250112, "d_model": 1024, "d_kv": 64, "d_ff": 2816,
         "num_layers": \(layers), "num_heads": 16, "feed_forward_proj": "gated-gelu",
         "tie_word_embeddings": \(head)}
        """
    }

    private static var example: LoRAConfiguration {
        var configuration = LoRAConfiguration()
        configuration.rank = 8
        configuration.alpha = 32
        configuration.dropout = 0.1
        configuration.targets = .names(["q", "v"])
        return configuration
    }

    /// PEFT's tour with mt0-large, by shape alone: with a head of its own, and with transformers 5's.
    @Test func mt0LargePrintsTheLineOfPEFTsTour() throws {
        for (model, line) in [
            (
                try ModelCatalog.model(configuration: Self.mt0()),
                "trainable params: 2,359,296 || all params: 1,231,940,608 || trainable%: 0.1915"
            ),
            (
                try ModelCatalog.modelSharingHead(configuration: Self.mt0()),
                "trainable params: 2,359,296 || all params: 975,825,920 || trainable%: 0.2418"
            ),
        ] {
            let method = try LoRA(Self.example, attachingTo: model)
            #expect(method.description(of: model).last == line)
        }
    }

    /// Blocks count through the encoder and then the decoder.
    @Test(arguments: [
        (1, "decoder.block.1.", 14), (3, "coder.block.", 38), (-1, "encoder.block.0.", 10),
    ])
    func freezingTrainsLastOrFirstBlocks(layers: Int, prefix: String, count: Int) throws {
        let model = try ModelCatalog.model(configuration: Self.mt0(2))
        _ = try Freezing(FreezingConfiguration(layers: layers), attachingTo: model)
        let trained = model.parameters.filter(\.isTrainable).map(\.name)
        #expect(trained.count == count && trained.allSatisfy { $0.contains(prefix) }, "\(trained)")
    }

    @Test func freezingTakesT5sModules() throws {
        let model = try ModelCatalog.model(configuration: Self.mt0(2))
        _ = try Freezing(
            FreezingConfiguration(layers: 1, modules: ["EncDecAttention"]), attachingTo: model)
        #expect(
            model.parameters.filter(\.isTrainable).map(\.name)
                == ["q", "k", "v", "o"].map {
                    "decoder.block.1.layer.1.EncDecAttention.\($0).weight"
                })
    }

    /// PEFT 0.21.2 attaches an adapter to `shared`, whose forward pass transformers 5.23 never calls.
    @Test func anAdapterOnTheSharedTableIsRefused() throws {
        let model = try ModelCatalog.model(configuration: Self.mt0(1))
        var configuration = Self.example
        configuration.targets = .names(["q", "shared"])
        let error = #expect(throws: FinetuningError.self) {
            try LoRA(configuration, attachingTo: model)
        }
        #expect(error?.description.hasPrefix("LoRA on shared of an encoder-decoder") == true)
    }

    @Test func adaptersLieInBothStacksAndInCrossAttention() throws {
        let model = try ModelCatalog.model(configuration: Self.mt0(1))
        let names = try LoRA(Self.example, attachingTo: model).adapterParameters.map(\.name)
        let places = [
            "encoder.block.0.layer.0.SelfAttention", "decoder.block.0.layer.0.SelfAttention",
            "decoder.block.0.layer.1.EncDecAttention",
        ]
        let wanted = places.flatMap { place in
            ["q", "v"].flatMap { name in
                ["A", "B"].map { "\(place).\(name).lora_\($0).weight" }
            }
        }
        #expect(Set(names) == Set(wanted) && names.count == 12)
    }
}
