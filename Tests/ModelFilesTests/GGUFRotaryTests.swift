import Foundation
import ModelFiles
import TestSupport
import Testing
import WeightFiles

/// Rotary angles of GGUF files: llama.cpp's keys in the words of config.json.
@Suite struct GGUFRotaryTests {
    /// `rope_scaling` of the file with these keys below its architecture's name.
    private func scaling(
        _ keys: [String: GGUFValue], _ folder: String = "qwen3", tensors: [String: [Float]] = [:]
    ) throws -> [String: Any] {
        var file = try TinyGGUF(folder)
        let architecture = try #require(file.metadata["general.architecture"]?.string)
        file.tensors["rope_freqs.weight"] = nil
        for (key, value) in keys { file.metadata["\(architecture).\(key)"] = value }
        for (name, numbers) in tensors { file.tensors[name] = ([numbers.count], numbers) }
        return try file.configuration()["rope_scaling"] as? [String: Any] ?? [:]
    }

    private let yarn: [String: GGUFValue] = [
        "rope.scaling.type": .string("yarn"), "rope.scaling.factor": .float32(4),
        "rope.scaling.original_context_length": .uint32(16),
    ]

    @Test func aFactorWithoutATypeStretchesPositions() throws {
        for key in ["rope.scaling.factor", "rope.scale_linear"] {
            let scaling = try scaling([key: .float32(2.5)])
            #expect(scaling["rope_type"] as? String == "linear")
            #expect(scaling["factor"] as? Double == 2.5)
        }
    }

    @Test func typeNoneHasNoFactor() throws {
        #expect(
            try scaling([
                "rope.scaling.type": .string("none"), "rope.scaling.factor": .float32(4),
            ]).isEmpty)
        #expect(try scaling(["rope.scaling.factor": .float32(0)]).isEmpty)
    }

    @Test func yarnTakesItsFactorAndLength() throws {
        let scaling = try scaling(yarn)
        #expect(scaling["rope_type"] as? String == "yarn")
        #expect(scaling["factor"] as? Double == 4)
        #expect(scaling["original_max_position_embeddings"] as? Int == 16)
        #expect(scaling.count == 3)
    }

    @Test func yarnTakesItsBounds() throws {
        let scaling = try scaling(
            yarn.merging([
                "rope.scaling.yarn_beta_fast": .float32(4),
                "rope.scaling.yarn_beta_slow": .float32(0.5),
            ]) { _, new in new })
        #expect(scaling["beta_fast"] as? Double == 4)
        #expect(scaling["beta_slow"] as? Double == 0.5)
    }

    // llama.cpp multiplies by attn_factor what YaRN has anyway: 0.1 ln 4 + 1 = 1.13863.
    @Test func theAttentionFactorMultipliesYarnsOwn() throws {
        let scaling = try scaling(
            yarn.merging(["rope.scaling.attn_factor": .float32(1.5)]) { _, new in new })
        let factor = try #require(scaling["attention_factor"] as? Double)
        #expect(abs(factor - 1.5 * (0.1 * log(4) + 1)) < 1e-6)
    }

    // get_mscale(4, 1) / get_mscale(4, 0.5), llama-context.cpp.
    @Test func theLogMultiplierDividesYarnsOwn() throws {
        let scaling = try scaling(
            yarn.merging(["rope.scaling.yarn_log_multiplier": .float32(0.5)]) { _, new in new })
        let factor = try #require(scaling["attention_factor"] as? Double)
        #expect(abs(factor - (0.1 * log(4) + 1) / (0.05 * log(4) + 1)) < 1e-6)
    }

    // Without extrapolation YaRN is a stretching of positions: rope_yarn in ggml-cpu's ops.cpp.
    @Test func yarnWithoutExtrapolationIsLinear() throws {
        let scaling = try scaling(
            yarn.merging(["rope.scaling.yarn_ext_factor": .float32(0)]) { _, new in new })
        #expect(scaling["rope_type"] as? String == "linear")
        #expect(scaling["factor"] as? Double == 4)
    }

    @Test func anAttentionFactorAloneIsKept() throws {
        let scaling = try scaling(["rope.scaling.attn_factor": .float32(1.25)])
        #expect(scaling["rope_type"] as? String == "longrope")
        #expect(scaling["attention_factor"] as? Double == 1.25)
        #expect(scaling["short_factor"] as? [Double] == Array(repeating: 1, count: 8))
    }

    @Test func aFactorThatLlamaCppPassesOverIsRefused() throws {
        let error = #expect(throws: ModelFileError.self) {
            try scaling(
                yarn.merging(["rope.scaling.yarn_attn_factor": .float32(2)]) { _, new in new })
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("rope.scaling.yarn_attn_factor is 2.0, expected 1.1386"), "\(text)")
    }

    @Test func longAndShortFactorsAreReadInLlamaToo() throws {
        let short = (0..<8).map { 1 + Float($0) / 8 }
        let scaling = try scaling(
            [
                "rope.scaling.type": .string("longrope"),
                "rope.scaling.original_context_length": .uint32(16),
                "rope.scaling.attn_factor": .float32(1.25),
            ], "llama",
            tensors: [
                "rope_factors_short.weight": short,
                "rope_factors_long.weight": short.map { $0 * 2 },
            ])
        #expect(scaling["rope_type"] as? String == "longrope")
        #expect(scaling["short_factor"] as? [Double] == short.map(Double.init))
        #expect(scaling["long_factor"] as? [Double] == short.map { Double($0) * 2 })
        #expect(scaling["original_max_position_embeddings"] as? Int == 16)
        #expect(scaling["attention_factor"] as? Double == 1.25)
    }

    @Test func frequenciesOfNoKnownScalingAreUsedAsTheyAre() throws {
        let factors = (0..<8).map { 1 + Float($0) / 4 }
        let scaling = try scaling([:], "llama", tensors: ["rope_freqs.weight": factors])
        #expect(scaling["short_factor"] as? [Double] == factors.map(Double.init))
        #expect(scaling["long_factor"] as? [Double] == factors.map(Double.init))
        #expect(scaling["attention_factor"] as? Double == 1)
    }

    @Test func frequenciesOfAnotherNumberAreRefused() throws {
        let error = #expect(throws: ModelFileError.self) {
            try scaling([:], "llama", tensors: ["rope_freqs.weight": [1, 2, 3]])
        }
        #expect(error.map { "\($0)".contains("rope_freqs.weight holds 3 numbers") } == true)
    }

    @Test func aTensorOfAnotherTypeIsNotPassedOver() throws {
        let ones = [Float](repeating: 1, count: 8)
        let error = #expect(throws: ModelFileError.self) {
            try scaling([:], "llama", tensors: ["rope_factors_long.weight": ones])
        }
        #expect(error.map { "\($0)".contains("rope_factors_long.weight") } == true)
    }

    @Test func anUnknownTypeIsRefusedByName() throws {
        let error = #expect(throws: ModelFileError.self) {
            try scaling(["rope.scaling.type": .string("ntk")])
        }
        #expect(
            error.map { "\($0)".contains("rope.scaling.type \"ntk\" is not supported") } == true)
    }

    @Test func twoFactorsThatDifferAreRefused() throws {
        let error = #expect(throws: ModelFileError.self) {
            try scaling(["rope.scaling.factor": .float32(2), "rope.scale_linear": .float32(4)])
        }
        #expect(error.map { "\($0)".contains("rope.scale_linear is 4.0") } == true)
    }
}
