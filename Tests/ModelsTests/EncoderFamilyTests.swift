import Autograd
import Foundation
import Kernels
import Models
import TestSupport
import Testing

/// What single families of encoders have of their own.
@Suite struct EncoderFamilyTests {
    private static func distilBERT(_ members: String) -> String {
        """
        {"model_type": "distilbert", "vocab_size": 19, "dim": 6, "n_layers": 2, "n_heads": 2,
        "hidden_dim": 8, "max_position_embeddings": 9\(members)}
        """
    }

    @Test(arguments: [false, true])
    func distilBERTsPositionsMayBeginAsWaves(isSinusoidal: Bool) throws {
        let model = try ModelCatalog.model(
            configuration: Self.distilBERT(", \"sinusoidal_pos_embds\": \(isSinusoidal)"))
        let workspace = Workspace(threads: 1)
        ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
            .initialize(seed: 3)
        let positions = try #require(
            model.parameters.first { $0.name.hasSuffix("position_embeddings.weight") })
        #expect(positions.isTrainable)
        let waves = (0..<9).flatMap { row in
            (0..<6).map { column in
                let angle = Double(row) / pow(10000, Double(2 * (column / 2)) / 6)
                return Float(column % 2 == 0 ? sin(angle) : cos(angle))
            }
        }
        #expect((workspace.numbers(positions) == waves) == isSinusoidal)
    }

    // As transformers' attribute map has them: where the file has both, this name's number holds.
    @Test func distilBERTsSizesHaveTheCommonNamesToo() throws {
        let model = try ModelCatalog.model(
            configuration: Self.distilBERT(
                ", \"hidden_size\": 12, \"num_hidden_layers\": 3, \"num_attention_heads\": 4"))
        #expect(model.description.width == 12 && model.description.layers == 3)
        #expect(model.description.heads == 4 && model.description.tokenTypes == 0)
    }

    private static func albert(_ members: String) -> String {
        """
        {"model_type": "albert", "vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 6,
        "num_attention_heads": 4, "intermediate_size": 96\(members)}
        """
    }

    // As many as in transformers 5.23 (on its meta device); each layer that is passed is computed.
    @Test func albertsGroupsHaveSeveralLayers() throws {
        let model = try ModelCatalog.model(
            configuration: Self.albert(", \"num_hidden_groups\": 2, \"inner_group_num\": 2"))
        #expect(model.parameters.reduce(0) { $0 + $1.count } == 213_156)
        #expect(model.description.layers == 12 && model.description.sharesLayers)
        let query = model.parameters.filter { $0.name.hasSuffix("attention.query.weight") }
        #expect(query.count == 4 && query.allSatisfy { $0.productShare == 3 })
        let apart = try ModelCatalog.model(
            configuration: Self.albert(", \"num_hidden_groups\": 6"))
        #expect(!apart.description.sharesLayers && apart.registry.blocks.count == 6)
        // Two layers more multiply the same weights twice more.
        let (less, more) = (
            try ModelCatalog.model(configuration: Self.albert("")),
            try ModelCatalog.model(
                configuration: Self.albert("").replacingOccurrences(of: ": 6,", with: ": 8,"))
        )
        let layer = less.parameters.filter { $0.name.contains("albert_layers.0") }
            .reduce(0) { $0 + $1.count }
        let scores = 12 * 2 * 10 * 64
        #expect(
            more.operationsPerToken(length: 10) - less.operationsPerToken(length: 10)
                == Double(6 * 2 * layer + scores))
    }

    @Test(arguments: [
        (", \"num_hidden_groups\": 7", "num_hidden_groups"),
        (", \"inner_group_num\": 0", "inner_group_num"),
        (", \"inner_group_num\": 60000", "inner_group_num"),
        (", \"linformer\": true", "linformer"),
    ])
    func whatALBERTHasNotIsRefused(members: String, key: String) throws {
        #expect {
            _ = try ModelCatalog.model(configuration: Self.albert(members))
        } throws: {
            "\($0)".contains(key)
        }
    }

    @Test func albertHasNoHeadOfPairs() {
        #expect(throws: ModelError.self) {
            _ = try ModelCatalog.model(configuration: Self.albert(""), for: .followingTexts)
        }
    }

    private static func mpnet(_ members: String) -> String {
        """
        {"model_type": "mpnet", "vocab_size": 19, "hidden_size": 6, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 9\(members)}
        """
    }

    @Test func mpnetsPaddingTokenIsOneWhateverTheFileSays() throws {
        let model = try ModelCatalog.model(configuration: Self.mpnet(", \"pad_token_id\": 5"))
        let padded = model.parameters.filter { $0.paddingRow != nil }
        #expect(padded.map(\.paddingRow) == [1, 1])
        #expect(model.description.maximumPositions == 7 && model.description.tokenTypes == 0)
        let bias = try #require(model.parameters.first { $0.shape == [32, 2] })
        #expect(bias.name == "mpnet.encoder.relative_attention_bias.weight" && !bias.decays)
    }

    @Test(arguments: [
        (", \"relative_attention_num_buckets\": 16", "relative_attention_num_buckets"),
        (", \"type_vocab_size\": 2", "type_vocab_size"),
        (", \"max_position_embeddings\": 2", "max_position_embeddings"),
    ])
    func whatMPNetHasNotIsRefused(members: String, key: String) throws {
        let text = Self.mpnet("").replacingOccurrences(
            of: ", \"max_position_embeddings\": 9", with: "")
        #expect {
            _ = try ModelCatalog.model(configuration: String(text.dropLast() + members + "}"))
        } throws: {
            "\($0)".contains(key)
        }
    }

    @Test(arguments: [
        (", \"num_attention_heads\": 4", "dim 6 is not divisible by n_heads 4"),
        (", \"is_decoder\": true", "is_decoder"), (", \"tie_weights_\": false", "tie_weights_"),
        (", \"activation\": \"mish\"", "activation"), (", \"dropout\": 1.5", "dropout"),
        (", \"hidden_act\": \"relu\"", "hidden_act"),
    ])
    func whatDistilBERTHasNotIsRefused(members: String, message: String) throws {
        let text = Self.distilBERT("").dropLast() + members + "}"
        #expect {
            _ = try ModelCatalog.model(configuration: String(text))
        } throws: {
            "\($0)".contains(message)
        }
    }
}
