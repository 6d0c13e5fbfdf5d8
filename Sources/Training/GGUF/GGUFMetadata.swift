import Checkpoints

/// The metadata of a GGUF file, read key by key below its architecture's name.
struct GGUFMetadata {
    /// `general.architecture`.
    let architecture: String
    /// Tensor name to extents, outermost first.
    let shapes: [String: [Int]]
    /// Tensor name to numbers, of the tensors that are part of the configuration.
    let factors: [String: [Float]]
    let file: String
    private let values: [String: GGUFValue]

    /// What Llama 3's rotary frequencies are divided by.
    static let llamaFactors = "rope_freqs.weight"
    /// What Phi-3's are divided by in long texts, and in short ones.
    static let longFactors = "rope_factors_long.weight"
    static let shortFactors = "rope_factors_short.weight"

    /// - Throws: ``TrainingError/checkpoint(_:)`` where the file does not say its architecture.
    init(
        _ values: [String: GGUFValue], shapes: [String: [Int]], factors: [String: [Float]],
        file: String
    ) throws(TrainingError) {
        guard let architecture = values["general.architecture"]?.string else {
            throw .checkpoint(.missing(entry: "general.architecture", file: file))
        }
        self.architecture = architecture
        self.values = values
        self.shapes = shapes
        self.factors = factors
        self.file = file
    }

    /// The value of `key`: below the architecture's name, or of that very name.
    private func value(_ key: String) -> GGUFValue? {
        values["\(architecture).\(key)"] ?? values[key]
    }

    func has(_ key: String) -> Bool { value(key) != nil }

    /// A whole number above 0. Lists, one entry a layer, have to agree in all entries.
    func count(_ key: String, default fallback: Int? = nil) throws(TrainingError) -> Int {
        guard let value = value(key) else {
            guard let fallback else { throw missing(key) }
            return fallback
        }
        if let list = value.integers {
            let numbers = Set(list)
            guard numbers.count == 1, let number = numbers.first, number > 0 else {
                throw wrong(key, "other numbers in other layers, expected one for all")
            }
            return number
        }
        guard let number = value.integer, number > 0, number < 1 << 40 else {
            throw wrong(key, "\(value), expected a whole number above 0")
        }
        return number
    }

    /// A finite number.
    func real(_ key: String, default fallback: Double? = nil) throws(TrainingError) -> Double {
        guard let value = value(key) else {
            guard let fallback else { throw missing(key) }
            return fallback
        }
        guard let number = value.number, number.isFinite else {
            throw wrong(key, "\(value), expected a number")
        }
        return number
    }

    func text(_ key: String) -> String? { value(key)?.string }

    func integer(_ key: String) -> Int? { value(key)?.integer }

    func flag(_ key: String) -> Bool? { value(key)?.bool }

    func texts(_ key: String) -> [String]? { value(key)?.strings }

    func integers(_ key: String) -> [Int]? { value(key)?.integers }

    func reals(_ key: String) -> [Double]? { value(key)?.numbers }

    /// The extents of a tensor that the file must hold.
    func shape(_ tensor: String) throws(TrainingError) -> [Int] {
        guard let shape = shapes[tensor] else {
            throw .checkpoint(.missing(entry: tensor, file: file))
        }
        return shape
    }

    private func missing(_ key: String) -> TrainingError {
        .checkpoint(.missing(entry: "\(architecture).\(key)", file: file))
    }

    private func wrong(_ key: String, _ found: String) -> TrainingError {
        .checkpoint(.malformed(detail: "\(architecture).\(key) is \(found)", file: file))
    }
}
