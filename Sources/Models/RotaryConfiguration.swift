import Foundation
import Kernels

/// The rotary angles of a config.json, in either generation of its keys.
struct RotaryConfiguration {
    let rotated: Int  // dimensions
    /// Whether dimensions 2i and 2i + 1 belong together, instead of i and i + rotated/2.
    var pairsNeighbours = false
    /// Of sequences no longer than those the model was made for.
    let inverseFrequencies: [Double]
    let magnitude: Double
    private let longer: LongerSequences
    private var table = RotaryTable(inverseFrequencies: [], positions: 0)
    private var tabulated: [Double] = []

    /// What becomes of the frequencies in longer sequences.
    private enum LongerSequences {
        case asBefore
        case other([Double], after: Int)
        case dynamic(base: Double, factor: Double, after: Int)
    }

    /// - Parameters:
    ///   - rotated: how many dimensions of a head are rotated.
    ///   - positions: `max_position_embeddings`.
    ///   - layerType: the part of `rope_parameters` that holds for these layers, if it has parts.
    ///   - theta: the architecture's default of `rope_theta`.
    init(
        _ file: ConfigurationFile, rotated: Int, positions: Int, layerType: String? = nil,
        theta: Double = 10_000
    ) throws(ModelError) {
        guard rotated > 0, rotated % 2 == 0 else {
            throw .indivisible(dividend: "rotated dimensions", rotated, divisor: "pairs of", 2)
        }
        var scaling = try file.section("rope_parameters")
        if let layerType { scaling = try scaling?.section(layerType) }
        if scaling == nil { scaling = try file.section("rope_scaling") }
        let outer = try file.real("rope_theta", default: theta)
        let base = try scaling?.real("rope_theta", default: outer) ?? outer
        self.rotated = rotated
        let plain = Self.frequencies(base: base, rotated: rotated)
        let older = try scaling?.text("type", default: "default") ?? "default"
        let kind = try scaling?.text("rope_type", default: older) ?? "default"
        var magnitude = 1.0
        var longer = LongerSequences.asBefore
        switch (kind, scaling) {
        case ("linear", let scaling?):
            let factor = try scaling.real("factor")
            inverseFrequencies = plain.map { $0 / factor }
        case ("llama3", let scaling?):
            inverseFrequencies = try Self.llama3(plain, scaling)
        case ("longrope", let scaling?), ("su", let scaling?),
            ("yarn", let scaling?) where scaling.has("long_factor"):
            let original = file.has("original_max_position_embeddings") ? file : scaling
            let length = try original.count(
                "original_max_position_embeddings", default: positions)
            let short = try scaling.reals("short_factor", count: plain.count)
            let long = try scaling.reals("long_factor", count: plain.count)
            inverseFrequencies = zip(plain, short).map { $0 / $1 }
            longer = .other(zip(plain, long).map { $0 / $1 }, after: length)
            magnitude = try Self.longRopeMagnitude(scaling, original: length, now: positions)
        case ("yarn", let scaling?):
            (inverseFrequencies, magnitude) = try Self.yarn(
                plain, scaling, base: base, rotated: rotated, positions: positions)
        case ("dynamic", let scaling?):
            inverseFrequencies = plain
            longer = .dynamic(
                base: base, factor: try scaling.real("factor"), after: positions)
        case ("default", _):
            inverseFrequencies = plain
        default:
            throw .unsupported(
                key: "rope_scaling", found: "\"\(kind)\"",
                supported: "default, linear, dynamic, llama3, yarn, longrope")
        }
        self.magnitude = magnitude
        self.longer = longer
    }

    /// Angles of base `theta`, as they are.
    init(theta: Double, rotated: Int) {
        self.rotated = rotated
        inverseFrequencies = Self.frequencies(base: theta, rotated: rotated)
        magnitude = 1
        longer = .asBefore
    }

    /// The table of at least `positions` positions, for a sequence of that length; it grows when
    /// asked for more.
    mutating func table(positions: Int) -> RotaryTable {
        let frequencies = frequencies(length: positions)
        if table.positions < positions || tabulated != frequencies {
            var size = 256
            while size < positions { size *= 2 }
            table = RotaryTable(
                inverseFrequencies: frequencies, positions: size, magnitude: magnitude,
                pairsNeighbours: pairsNeighbours)
            tabulated = frequencies
        }
        return table
    }

    /// Angles a position in a text of that length. (rotated/2)
    func frequencies(length: Int) -> [Double] {
        switch longer {
        case .other(let frequencies, let limit) where length > limit:
            return frequencies
        case .dynamic(let base, let factor, let limit) where length > limit:
            // Source: transformers' `_compute_dynamic_ntk_parameters`.
            let growth = factor * Double(length) / Double(limit) - (factor - 1)
            let power = Double(rotated) / Double(rotated - 2)
            return Self.frequencies(base: base * pow(growth, power), rotated: rotated)
        default:
            return inverseFrequencies
        }
    }

    private static func frequencies(base: Double, rotated: Int) -> [Double] {
        (0..<rotated / 2).map { pow(base, -2 * Double($0) / Double(rotated)) }
    }

    /// Source: Ding et al. 2024, arXiv:2402.13753, with transformers' defaults.
    private static func longRopeMagnitude(
        _ scaling: ConfigurationFile, original: Int, now: Int
    ) throws(ModelError) -> Double {
        let factor = try scaling.real("factor", default: Double(now) / Double(original))
        return try scaling.real(
            "attention_factor",
            default: factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot())
    }

    /// Long wavelengths are stretched, short ones kept, those between interpolated.
    /// Source: Llama 3.1's reference code, as in transformers' `_compute_llama3_parameters`.
    private static func llama3(
        _ plain: [Double], _ scaling: ConfigurationFile
    ) throws(ModelError) -> [Double] {
        let factor = try scaling.real("factor")
        let low = try scaling.real("low_freq_factor")
        let high = try scaling.real("high_freq_factor")
        let original = try scaling.real("original_max_position_embeddings")
        return plain.map { frequency in
            let wavelength = 2 * Double.pi / frequency
            if wavelength < original / high { return frequency }
            if wavelength > original / low { return frequency / factor }
            let smooth = (original / wavelength - low) / (high - low)
            return (1 - smooth) * frequency / factor + smooth * frequency
        }
    }

    /// Source: Peng et al. 2023, arXiv:2309.00071, section 3.2 and eq. 22, with transformers'
    /// defaults.
    private static func yarn(
        _ plain: [Double], _ scaling: ConfigurationFile, base: Double, rotated: Int, positions: Int
    ) throws(ModelError) -> ([Double], Double) {
        let factor = try scaling.real("factor")
        let original = try scaling.real(
            "original_max_position_embeddings", default: Double(positions))
        let fast = try scaling.real("beta_fast", default: 32)
        let slow = try scaling.real("beta_slow", default: 1)
        let magnitude = try scaling.real(
            "attention_factor", default: factor <= 1 ? 1 : 0.1 * log(factor) + 1)
        func dimension(rotations: Double) -> Double {
            Double(rotated) * log(original / (rotations * 2 * Double.pi)) / (2 * log(base))
        }
        let low = max(dimension(rotations: fast).rounded(.down), 0)
        let high = min(dimension(rotations: slow).rounded(.up), Double(rotated - 1))
        let width = low == high ? 0.001 : high - low
        let frequencies = plain.enumerated().map { index, frequency in
            let ramp = min(max((Double(index) - low) / width, 0), 1)
            return frequency / factor * ramp + frequency * (1 - ramp)
        }
        return (frequencies, magnitude)
    }
}
