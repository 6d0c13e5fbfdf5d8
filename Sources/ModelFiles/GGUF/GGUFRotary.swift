import Files
import Foundation

/// The rotary angles of a GGUF file, as llama.cpp computes them from its keys and tensors.
///
/// Source: llama.cpp's `load_hparams` (llama-model.cpp), the constructor of `llama_context`
/// (llama-context.cpp), and `rope_yarn` (ggml-cpu's ops.cpp).
struct GGUFRotary {
    let theta: Double
    /// Dimensions of a head.
    let rotated: Int
    /// `rope_scaling` of a config.json; `nil` where positions are not scaled.
    let scaling: JSONValue?

    /// - Parameter theta: the architecture's base where the file has none.
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a key out of its range,
    ///   ``ModelFileError/user(_:)`` for a type that is not known.
    init(
        _ metadata: GGUFMetadata, _ model: GGUFHyperparameters, theta usual: Double = 10_000
    ) throws(ModelFileError) {
        theta = try metadata.positive("rope.freq_base", default: usual)
        rotated = try metadata.count(
            "rope.dimension_count", default: model.headSize, atMost: model.headSize)
        guard rotated % 2 == 0 else {
            throw metadata.wrong("rope.dimension_count", "\(rotated)", expected: "an even number")
        }
        let original = try metadata.count(
            "rope.scaling.original_context_length", default: model.positions)
        let keys = try Keys(metadata)
        guard keys.extrapolation == 0 || theta > 1 else {
            throw metadata.wrong("rope.freq_base", "\(theta)", expected: "above 1 for YaRN")
        }
        let magnitude = try keys.magnitude(metadata)
        let (theta, rotated) = (theta, rotated)
        let divisors = { (factors: [Double]) in
            keys.divisors(factors, theta: theta, rotated: rotated, original: original)
        }
        let isLong = keys.type == "longrope" || metadata.architecture == "phi3"
        let plain = [Double](repeating: 1, count: rotated / 2)
        let names =
            isLong
            ? [GGUFMetadata.shortFactors, GGUFMetadata.longFactors]
            : [GGUFMetadata.llamaFactors, GGUFMetadata.llamaFactors]
        var factors: [[Double]] = []
        for name in names {
            guard let numbers = metadata.factors[name] else {
                factors.append(plain)
                continue
            }
            guard numbers.count == plain.count, numbers.allSatisfy({ $0.isFinite && $0 > 0 })
            else {
                throw .weightFile(
                    .malformed(
                        detail: "\(name) holds \(numbers.count) numbers, expected "
                            + "\(plain.count) above 0", file: metadata.file))
            }
            factors.append(numbers.map(GGUFMetadata.shortest))
        }
        for name in metadata.factors.keys.sorted() where !names.contains(name) {
            throw .weightFile(.unknown(entry: name, file: metadata.file))
        }
        scaling = Self.scaling(
            keys, divisors(factors[0]), divisors(factors[1]), factors[0], theta: theta,
            original: original, magnitude,
            isPlain: factors.allSatisfy { $0 == plain })
    }

    /// The simplest of config.json's types that has these frequencies; longrope has any.
    private static func scaling(
        _ keys: Keys, _ short: [Double], _ long: [Double], _ factors: [Double], theta: Double,
        original: Int, _ magnitude: Double, isPlain: Bool
    ) -> JSONValue? {
        let first = short.first ?? 1
        if short == long, magnitude == 1, short.allSatisfy({ $0 == first }) {
            guard first != 1 else { return nil }
            return .object([
                ("rope_type", .string("linear")), ("factor", GGUFHyperparameters.number(first)),
            ])
        }
        if keys.type == "yarn", keys.extrapolation == 1, isPlain,
            keys.isOrdinary(theta, short.count * 2, original)
        {
            return keys.yarn(original, magnitude)
        }
        if short == factors, magnitude == 1, let llama = llama3(factors, theta: theta) {
            return llama
        }
        let list = { (factors: [Double]) in
            JSONValue.array(factors.map(GGUFHyperparameters.number))
        }
        return .object([
            ("rope_type", .string("longrope")), ("short_factor", list(short)),
            ("long_factor", list(long)), ("original_max_position_embeddings", .int(original)),
            ("attention_factor", GGUFHyperparameters.number(magnitude)),
        ])
    }
}

// MARK: - Keys

extension GGUFRotary {
    /// The keys of `rope.scaling`.
    struct Keys {
        /// none, linear, yarn or longrope.
        let type: String
        /// What positions are divided by.
        let factor: Double
        var attention = 1.0
        var extrapolation = 1.0
        let betaFast, betaSlow: Double
        var logMultiplier = 0.0
        var yarnAttention = 1.0

        /// transformers' `get_mscale`.
        static func scale(_ factor: Double, _ mscale: Double = 1) -> Double {
            factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1
        }

        /// What cosines and sines are multiplied by.
        func magnitude(_ metadata: GGUFMetadata) throws(ModelFileError) -> Double {
            guard extrapolation != 0 else {
                return GGUFMetadata.shortest(Float(yarnAttention * attention))
            }
            let usual =
                Self.scale(factor)
                / (logMultiplier == 0 ? 1 : Self.scale(factor, logMultiplier))
            // llama.cpp passes over this key here; a converter writes attention_factor into it.
            guard yarnAttention == 1 || abs(yarnAttention / (usual * attention) - 1) < 1e-5 else {
                throw metadata.wrong(
                    "rope.scaling.yarn_attn_factor", "\(yarnAttention)",
                    expected: "\(Float(usual * attention)), which llama.cpp computes with; "
                        + "rope.scaling.attn_factor multiplies it")
            }
            return GGUFMetadata.shortest(Float(usual * attention))
        }

        /// The dimensions between which YaRN goes over from one frequency to the other.
        private func bounds(
            _ theta: Double, _ rotated: Int, _ original: Int
        ) -> (low: Double, high: Double) {
            func dimension(_ rotations: Double) -> Double {
                Double(rotated) * log(Double(original) / (rotations * 2 * Double.pi))
                    / (2 * log(theta))
            }
            return (
                max(0, dimension(betaFast).rounded(.down)),
                min(Double(rotated - 1), dimension(betaSlow).rounded(.up))
            )
        }

        /// Whether YaRN's formula means the same in transformers.
        func isOrdinary(_ theta: Double, _ rotated: Int, _ original: Int) -> Bool {
            let (low, high) = bounds(theta, rotated, original)
            return low <= high
        }

        /// What the plain frequencies are divided by, where tensors divide them by `factors`.
        func divisors(
            _ factors: [Double], theta: Double, rotated: Int, original: Int
        ) -> [Double] {
            guard extrapolation != 0 else { return factors.map { $0 * factor } }
            let (low, high) = bounds(theta, rotated, original)
            return factors.enumerated().map { index, divisor in
                let ramp = 1 - min(1, max(0, (Double(index) - low) / max(0.001, high - low)))
                let mix = ramp * extrapolation
                return divisor / ((1 - mix) / factor + mix)
            }
        }

        /// YaRN as config.json has it.
        func yarn(_ original: Int, _ magnitude: Double) -> JSONValue {
            let number = GGUFHyperparameters.number
            var members: [JSONValue.Member] = [
                ("rope_type", .string("yarn")), ("factor", number(factor)),
                ("original_max_position_embeddings", .int(original)),
            ]
            if betaFast != 32 { members.append(("beta_fast", number(betaFast))) }
            if betaSlow != 1 { members.append(("beta_slow", number(betaSlow))) }
            if abs(magnitude / Self.scale(factor) - 1) > 1e-6 {
                members.append(("attention_factor", number(magnitude)))
            }
            return .object(members)
        }
    }
}

extension GGUFRotary.Keys {
    init(_ metadata: GGUFMetadata) throws(ModelFileError) {
        type = try metadata.text("rope.scaling.type") ?? "linear"
        guard ["none", "linear", "yarn", "longrope"].contains(type) else {
            throw .user(
                "\(metadata.file): rope.scaling.type \"\(type)\" is not supported; "
                    + "supported are none, linear, yarn, longrope")
        }
        let older = try metadata.real("rope.scale_linear", default: 0)
        let factor = try metadata.real("rope.scaling.factor", default: older)
        guard factor >= 0, older == 0 || older == factor else {
            throw metadata.wrong(
                factor < 0 ? "rope.scaling.factor" : "rope.scale_linear",
                "\(factor < 0 ? factor : older)",
                expected: factor < 0 ? "a number of 0 or more" : "rope.scaling.factor's value")
        }
        self.factor = factor == 0 || type == "none" ? 1 : factor
        attention = try metadata.positive("rope.scaling.attn_factor", default: 1)
        let given = try metadata.real("rope.scaling.yarn_ext_factor", default: -1)
        extrapolation = given < 0 ? (type == "yarn" ? 1 : 0) : given
        betaFast = try metadata.positive("rope.scaling.yarn_beta_fast", default: 32)
        betaSlow = try metadata.positive("rope.scaling.yarn_beta_slow", default: 1)
        logMultiplier = try metadata.real("rope.scaling.yarn_log_multiplier", default: 0)
        yarnAttention = try metadata.positive("rope.scaling.yarn_attn_factor", default: 1)
    }
}

// MARK: - Llama 3

extension GGUFRotary {
    /// Llama 3's scaling, where `divisors` are its own: the factor itself for the longest
    /// wavelengths, 1 for the shortest.
    private static func llama3(_ divisors: [Double], theta: Double) -> JSONValue? {
        guard let factor = divisors.max() else { return nil }
        let length = (4...20).map { 1 << $0 }.first { length in
            let expected = llamaFactors(
                theta: theta, rotated: divisors.count * 2, factor: factor, original: Double(length))
            // Converters compute them in float32, and steps of it grow where the scaling sets in.
            return zip(divisors, expected).allSatisfy { abs($0 / $1 - 1) < 1e-4 }
        }
        guard let length else { return nil }
        return .object([
            ("rope_type", .string("llama3")), ("factor", GGUFHyperparameters.number(factor)),
            ("low_freq_factor", .double(1)), ("high_freq_factor", .double(4)),
            ("original_max_position_embeddings", .int(length)),
        ])
    }

    /// What a converter writes for Llama 3's scaling.
    static func llamaFactors(
        theta: Double, rotated: Int, factor: Double, low: Double = 1, high: Double = 4,
        original: Double
    ) -> [Double] {
        (0..<rotated / 2).map { pair in
            let wavelength = 2 * Double.pi * pow(theta, 2 * Double(pair) / Double(rotated))
            if wavelength < original / high { return 1 }
            if wavelength > original / low { return factor }
            let smooth = (original / wavelength - low) / (high - low)
            return 1 / ((1 - smooth) / factor + smooth)
        }
    }
}
