import Foundation
import Kernels

/// The rotary angles of a config.json, in either generation of its keys.
struct RotaryConfiguration {
    let theta: Double
    let rotated: Int  // dimensions
    let inverseFrequencies: [Double]
    let magnitude: Double
    private var table: RotaryTable

    /// - Parameters:
    ///   - rotated: how many dimensions of a head are rotated.
    ///   - positions: `max_position_embeddings`.
    init(_ file: ConfigurationFile, rotated: Int, positions: Int) throws(ModelError) {
        let newer = try file.section("rope_parameters")
        let scaling = newer == nil ? try file.section("rope_scaling") : newer
        let outer = try file.real("rope_theta", default: 10_000)
        theta = try scaling?.real("rope_theta", default: outer) ?? outer
        self.rotated = rotated
        let base = theta
        let plain = (0..<rotated / 2).map { pow(base, -2 * Double($0) / Double(rotated)) }
        let older = try scaling?.text("type", default: "default") ?? "default"
        let kind = try scaling?.text("rope_type", default: older) ?? "default"
        switch (kind, scaling) {
        case ("linear", let scaling?):
            let factor = try scaling.real("factor")
            inverseFrequencies = plain.map { $0 / factor }
            magnitude = 1
        case ("llama3", let scaling?):
            inverseFrequencies = try Self.llama3(plain, scaling)
            magnitude = 1
        case ("yarn", let scaling?):
            (inverseFrequencies, magnitude) = try Self.yarn(
                plain, scaling, base: base, rotated: rotated, positions: positions)
        case ("default", _):
            inverseFrequencies = plain
            magnitude = 1
        default:
            throw .unsupported(
                key: "rope_scaling", found: "\"\(kind)\"",
                supported: "default, linear, llama3, yarn")
        }
        table = RotaryTable(inverseFrequencies: [], positions: 0)
    }

    /// The table of at least `positions` positions; it grows when asked for more.
    mutating func table(positions: Int) -> RotaryTable {
        if table.positions < positions {
            var size = 256
            while size < positions { size *= 2 }
            table = RotaryTable(
                inverseFrequencies: inverseFrequencies, positions: size, magnitude: magnitude)
        }
        return table
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
