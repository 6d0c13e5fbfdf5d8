import Foundation
import Kernels

/// The rotary angles of a config.json, in either generation of its keys.
struct RotaryConfiguration {
    let rotated: Int  // dimensions
    /// Whether dimensions 2i and 2i + 1 belong together, instead of i and i + rotated/2.
    var pairsNeighbours = false
    /// θ⁻²ⁱ/ᵈ, before any scaling.
    let plain: [Double]
    /// Of sequences no longer than those the model was made for.
    let inverseFrequencies: [Double]
    let magnitude: Double
    private let longer: LongerSequences
    /// Of texts before and behind a change of angles, which may be computed by turns.
    private var tables = Array(repeating: Tabulated(), count: 2)

    private struct Tabulated {
        var frequencies: [Double] = []
        var table = RotaryTable(inverseFrequencies: [], positions: 0)
    }

    /// What becomes of the frequencies in longer sequences.
    private enum LongerSequences {
        case asBefore
        case other([Double], after: Int)
        case dynamic(base: Double, factor: Double, after: Int)
    }

    /// The angles that rope parameters describe.
    init(_ parameters: RotaryParameters) throws(ModelError) {
        let (base, positions) = (parameters.base, parameters.positions)
        let isProportional = parameters.type == "proportional"
        let size = Double(parameters.headSize)
        rotated = isProportional ? parameters.headSize : Int(size * parameters.share)
        guard rotated > 0, rotated % 2 == 0 else {
            throw .indivisible(dividend: "rotated dimensions", rotated, divisor: "pairs of", 2)
        }
        plain = Self.frequencies(base: base, rotated: rotated)
        magnitude =
            switch parameters.type {
            case "longrope": try Self.longRopeMagnitude(parameters)
            case "yarn": try Self.yarnMagnitude(parameters)
            default: 1
            }
        var longer = LongerSequences.asBefore
        switch parameters.type {
        case "linear":
            let factor = try parameters.needed("factor", .positive)
            inverseFrequencies = plain.map { $0 / factor }
        case "llama3":
            inverseFrequencies = try Self.llama3(plain, parameters)
        case "yarn":
            inverseFrequencies = try Self.yarn(plain, parameters)
        case "longrope":
            let short = try parameters.reals("short_factor", count: plain.count, .positive)
            let long = try parameters.reals("long_factor", count: plain.count, .positive)
            inverseFrequencies = zip(plain, short).map { $0 / $1 }
            longer = .other(zip(plain, long).map { $0 / $1 }, after: parameters.original)
        case "dynamic":
            guard rotated > 2 else {
                throw .outOfRange(
                    key: "head_dim", found: "\(parameters.headSize)",
                    expected: "more than 2 rotated dimensions for dynamic rope")
            }
            inverseFrequencies = plain
            longer = .dynamic(
                base: base, factor: try parameters.needed("factor", .positive), after: positions)
        case "proportional":
            let factor = try parameters.real("factor", .positive) ?? 1
            let turned = Int(parameters.share * size / 2)
            inverseFrequencies = plain.enumerated().map { $0 < turned ? $1 / factor : 0 }
        default:
            inverseFrequencies = plain
        }
        self.longer = longer
    }

    /// The table of at least `positions` positions, for a text of `length` tokens, of that many where it is not
    /// given; it grows when asked for more.
    mutating func table(positions: Int, length: Int? = nil) -> RotaryTable {
        let length = length ?? positions
        let frequencies = frequencies(length: length)
        let place = length > angleChange?.after ?? .max ? 1 : 0
        if tables[place].table.positions < positions || tables[place].frequencies != frequencies {
            var size = 256
            while size < positions { size *= 2 }
            tables[place].table = RotaryTable(
                inverseFrequencies: frequencies, positions: size, magnitude: magnitude,
                pairsNeighbours: pairsNeighbours)
            tables[place].frequencies = frequencies
        }
        return tables[place].table
    }

    /// The table for an input's tokens, each row's for a text of its own length.
    ///
    /// - Parameters:
    ///   - positions: of which a token of the input may stand at the last.
    ///   - lengths: one for each row, or one for all.
    mutating func table(
        for input: TokenInput, positions: Int, lengths: [Int]
    ) -> RotaryTable {
        let angleLengths = lengths.map { angleChange?.angleLength(of: $0) ?? 0 }
        guard Set(angleLengths).count > 1 else {
            return table(positions: positions, length: lengths.first).rows(for: input)
        }
        precondition(
            lengths.count == input.batch,
            "rotary: \(lengths.count) lengths of \(input.batch) texts")
        let columns = input.length
        let usual = (0..<Int32(columns)).map { $0 }
        return RotaryTable(
            ofSequences: lengths.indices.map { row in
                let tokens = input.positions.map { Array($0[row * columns..<(row + 1) * columns]) }
                return RotaryTable(
                    rowsOf: table(positions: positions, length: lengths[row]),
                    at: tokens ?? usual, perSequence: columns)
            })
    }

    /// From which length on a text has other angles; `nil` where it never has.
    var angleChange: AngleChange? {
        switch longer {
        case .asBefore: nil
        case .other(_, let limit): AngleChange(after: limit, isRepeated: false)
        case .dynamic(_, _, let limit): AngleChange(after: limit, isRepeated: true)
        }
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

    /// θ⁻²ⁱ/ᵈ for each pair of dimensions.
    static func frequencies(base: Double, rotated: Int) -> [Double] {
        (0..<rotated / 2).map { pow(base, -2 * Double($0) / Double(rotated)) }
    }

    /// Source: Ding et al. 2024, arXiv:2402.13753, with transformers' defaults.
    private static func longRopeMagnitude(
        _ parameters: RotaryParameters
    ) throws(ModelError) -> Double {
        let original = Double(parameters.original)
        let factor =
            try parameters.real("factor", .positive) ?? Double(parameters.positions) / original
        if let magnitude = try parameters.real("attention_factor", .positive) { return magnitude }
        guard factor > 1 else { return 1 }
        guard original > 1 else {
            throw .outOfRange(
                key: "original_max_position_embeddings", found: "1", expected: "a number above 1")
        }
        return (1 + log(factor) / log(original)).squareRoot()
    }

    /// Long wavelengths are stretched, short ones kept, those between interpolated.
    /// Source: Llama 3.1's reference code, as in transformers' `_compute_llama3_parameters`.
    private static func llama3(
        _ plain: [Double], _ parameters: RotaryParameters
    ) throws(ModelError) -> [Double] {
        let factor = try parameters.needed("factor", .positive)
        let low = try parameters.needed("low_freq_factor", .positive)
        let high = try parameters.needed("high_freq_factor", .positive)
        guard high > low else {
            throw .outOfRange(
                key: "high_freq_factor", found: "\(high)",
                expected: "more than low_freq_factor, \(low)")
        }
        let original = Double(parameters.original)
        return plain.map { frequency in
            let wavelength = 2 * Double.pi / frequency
            if wavelength < original / high { return frequency }
            if wavelength > original / low { return frequency / factor }
            let smooth = (original / wavelength - low) / (high - low)
            return (1 - smooth) * frequency / factor + smooth * frequency
        }
    }

    /// Source: Peng et al. 2023, arXiv:2309.00071, section 3.2, with transformers' defaults.
    private static func yarn(
        _ plain: [Double], _ parameters: RotaryParameters
    ) throws(ModelError) -> [Double] {
        let (original, rotated) = (Double(parameters.original), Double(2 * plain.count))
        let factor = try yarnFactor(parameters)
        let fast = try parameters.real("beta_fast", .notNegative) ?? 0
        let slow = try parameters.real("beta_slow", .notNegative) ?? 0
        // transformers looks for it beside the objects of single layer types only.
        var truncates = true
        if !parameters.isLayered { truncates = try parameters.flag("truncate", default: true) }
        func dimension(rotations: Double) -> Double {
            rotated * log(original / (rotations * 2 * Double.pi)) / (2 * log(parameters.base))
        }
        var low = dimension(rotations: fast == 0 ? 32 : fast)
        var high = dimension(rotations: slow == 0 ? 1 : slow)
        if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, rotated - 1))
        let width = low == high ? 0.001 : high - low
        return plain.enumerated().map { index, frequency in
            let ramp = min(max((Double(index) - low) / width, 0), 1)
            return frequency / factor * ramp + frequency * (1 - ramp)
        }
    }

    /// What a context is longer by: as told, or by its lengths.
    private static func yarnFactor(_ parameters: RotaryParameters) throws(ModelError) -> Double {
        try parameters.real("factor", .positive)
            ?? Double(parameters.positions) / Double(parameters.original)
    }

    /// Source: Peng et al. 2023, eq. 22; `mscale` and `mscale_all_dim` as in transformers'
    /// `_compute_yarn_parameters`, from DeepSeek-V2.
    private static func yarnMagnitude(
        _ parameters: RotaryParameters
    ) throws(ModelError) -> Double {
        let factor = try yarnFactor(parameters)
        func magnitude(_ scale: Double) -> Double {
            factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
        }
        let one = try parameters.real("mscale", .notNegative) ?? 0
        let all = try parameters.real("mscale_all_dim", .notNegative) ?? 0
        if let told = try parameters.real("attention_factor", .positive) { return told }
        return one > 0 && all > 0 ? magnitude(one) / magnitude(all) : magnitude(1)
    }
}

extension RotaryTable {
    /// The table itself, or the rows for tokens whose positions are given.
    func rows(for input: TokenInput) -> RotaryTable {
        guard let positions = input.positions else { return self }
        return RotaryTable(rowsOf: self, at: positions, perSequence: input.length)
    }
}
