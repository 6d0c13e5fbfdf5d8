import Foundation
import Models
import WeightFiles

extension GGUFRotary {
    /// The keys below the architecture's name and the tensors that stand for a model's angles.
    struct Written {
        var keys: [(key: String, value: GGUFValue)] = []
        var tensors: [(name: String, numbers: [Float])] = []

        fileprivate mutating func add(_ key: String, _ value: Double) {
            keys.append((key, .float32(Float(value))))
        }

        fileprivate mutating func add(type: String) {
            keys.append(("rope.scaling.type", .string(type)))
        }

        fileprivate mutating func add(original: Int) {
            keys.append(
                ("rope.scaling.original_context_length", .uint32(UInt32(clamping: original))))
        }

        fileprivate mutating func add(_ name: String, _ divisors: [Double]) {
            tensors.append((name, divisors.map(Float.init)))
        }
    }

    /// The simplest way in which llama.cpp's formulas give a model's angles.
    ///
    /// - Parameters:
    ///   - angles: as the model turns by them.
    ///   - settings: what its config.json says.
    ///   - architecture: of the file.
    /// - Returns: `nil` where there is none.
    static func written(
        _ angles: RotaryForm, _ settings: RotarySettings, architecture: String
    ) -> Written? {
        var result = Written()
        result.keys.append(("rope.dimension_count", .uint32(UInt32(clamping: angles.rotated))))
        result.add("rope.freq_base", settings.theta)
        guard !angles.isDynamic else { return nil }
        let short = zip(angles.plain, angles.short).map { $0 / $1 }
        let long = zip(angles.plain, angles.long).map { $0 / $1 }
        guard (short + long).allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
        if angles.longest == nil {
            if angles.magnitude == 1, let first = short.first,
                isSame(short, short.map { _ in first })
            {
                guard abs(first - 1) > rounding else { return result }
                result.add(type: "linear")
                result.add("rope.scaling.factor", first)
                return result
            }
            if let yarn = settings.yarn, settings.theta > 1 {
                let expected = yarn.divisors(
                    short.map { _ in 1 }, theta: settings.theta, rotated: angles.rotated,
                    original: settings.original)
                if isSame(short, expected) {
                    result.add(yarn, original: settings.original, magnitude: angles.magnitude)
                    return result
                }
            }
            if architecture == "llama", angles.magnitude == 1 {
                result.add(GGUFMetadata.llamaFactors, short)
                return result
            }
        }
        guard ["llama", "phi3"].contains(architecture) else { return nil }
        result.add(type: "longrope")
        result.add(original: angles.longest ?? settings.original)
        result.add("rope.scaling.attn_factor", angles.magnitude)
        result.add(GGUFMetadata.longFactors, long)
        result.add(GGUFMetadata.shortFactors, short)
        return result
    }

    /// Relative; float64's in some steps.
    private static let rounding = 1e-9

    private static func isSame(_ a: [Double], _ b: [Double]) -> Bool {
        zip(a, b).allSatisfy { abs($0 - $1) <= rounding * abs($1) }
    }
}

extension GGUFRotary.Written {
    fileprivate mutating func add(_ yarn: GGUFRotary.Keys, original: Int, magnitude: Double) {
        add(type: "yarn")
        add("rope.scaling.factor", yarn.factor)
        add(original: original)
        if yarn.betaFast != 32 { add("rope.scaling.yarn_beta_fast", yarn.betaFast) }
        if yarn.betaSlow != 1 { add("rope.scaling.yarn_beta_slow", yarn.betaSlow) }
        // It multiplies what follows from the factor.
        let attention = magnitude / GGUFRotary.Keys.scale(yarn.factor)
        if abs(attention - 1) > 1e-9 { add("rope.scaling.attn_factor", attention) }
    }
}

/// What a config.json says of rotary positions, in either generation of its keys.
struct RotarySettings {
    let theta: Double
    /// Positions before they were scaled.
    let original: Int
    /// YaRN's parameters where it is the type.
    let yarn: GGUFRotary.Keys?

    init(_ file: ConfigurationValues, _ about: ModelDescription, _ angles: RotaryForm) {
        let newer = file.section("rope_parameters")
        let parts = newer?.section("full_attention") ?? newer
        let older = file.section("rope_scaling")
        // θ⁻²ⁱ/ᵈ of the second pair.
        theta =
            angles.plain.count > 1
            ? pow(angles.plain[1], -Double(angles.rotated) / 2)
            : parts?.real("rope_theta") ?? file.real("rope_theta") ?? 10_000
        let sections = [older, parts].compactMap { $0 }
        original =
            sections.compactMap { $0.count("original_max_position_embeddings") }.first
            ?? file.count("original_max_position_embeddings") ?? about.maximumPositions
        let scaling = sections.first {
            ($0.text("rope_type") ?? $0.text("type")) == "yarn"
        }
        guard let scaling else {
            yarn = nil
            return
        }
        let stretch = Double(about.maximumPositions) / Double(original)
        yarn = GGUFRotary.Keys(
            type: "yarn", factor: scaling.real("factor") ?? stretch,
            betaFast: scaling.real("beta_fast") ?? 32, betaSlow: scaling.real("beta_slow") ?? 1)
    }
}
