import Autograd
import Files
import Foundation

extension Decoder {
    /// Baichuan and Baichuan 2: Llama with one product for queries, keys and values.
    ///
    /// The 7B models have rotary positions; the 13B models, whose config.json has no
    /// `max_position_embeddings`, have ALiBi. Baichuan 2, told by its vocabulary of 125,696 or its
    /// `z_loss_weight`, normalises the rows of its head.
    /// Source: Yang et al. 2023, arXiv:2309.10305, sections 2.3 and 2.6.
    convenience init(baichuan file: ConfigurationFile) throws(ModelError) {
        let isRotary = file.has("max_position_embeddings")
        var configuration = try DecoderConfiguration(
            file.replacing([
                "head_dim": .null, "num_key_value_heads": .null, "rope_theta": .null,
                "rope_scaling": .null, "rope_parameters": .null, "partial_rotary_factor": .null,
            ]),
            rope: isRotary ? RotaryParameters.Style(types: ["default"]) : nil)
        configuration.names.fusedQueries = ("W_pack", .byKind)
        if isRotary {
            file.pass("model_max_length")
        } else {
            configuration.maxPositionEmbeddings = try file.count("model_max_length")
            configuration.slopes = Self.slopes(heads: configuration.numAttentionHeads)
        }
        let isSecond = configuration.vocabSize == 125_696 || file.has("z_loss_weight")
        file.pass("z_loss_weight")
        configuration.logitForm = LogitForm(normalizesRows: isSecond)
        try self.init(configuration, file)
    }

    /// ALiBi's slopes: 2^(−8h/H) for a power of two; else those of the next lower power, then every
    /// other one of the next higher. Source: Press et al. 2022, arXiv:2108.12409, section 3, and
    /// its authors' code for other numbers of heads.
    static func slopes(heads: Int) -> [Float] {
        func powers(_ count: Int) -> [Float] {
            (1...count).map { Float(exp2(-8 * Double($0) / Double(count))) }
        }
        var lower = 1
        while lower * 2 <= heads { lower *= 2 }
        let further = powers(2 * lower).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        return powers(lower) + further.prefix(heads - lower)
    }
}

extension [String: HarmlessKey] {
    /// What the models' own code does not ask for.
    static var baichuan: HarmlessKeys { ["rope_theta": .at([.int(10_000)])] }
}
