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
