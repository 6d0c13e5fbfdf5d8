package import Files

/// Why a model cannot be built or filled.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    case notJSON(file: String, reason: String)
    case unknownArchitecture(found: String, known: [String])
    case missingKey(String, model: String)
    case wrongType(key: String, found: String, expected: String)
    case unsupported(key: String, found: String, supported: String)
    case indivisible(dividend: String, Int, divisor: String, Int)
    case outOfRange(key: String, found: String, expected: String)
    /// A key that could change what is computed, and that no one reads.
    case unusedKey(UnusedKey)
    case tooLarge(parameters: Double, limit: Double)

    package var description: String {
        switch self {
        case .notJSON(let file, let reason):
            "\(file): is not a JSON object (\(reason)); expected a Hugging Face config.json"
        case .unknownArchitecture(let found, let known):
            "config.json: model_type \"\(found)\" is not known here; supported are "
                + known.joined(separator: ", ")
        case .missingKey(let key, let model):
            "config.json: \(key) is missing, a \(model) model needs it; add it"
        case .wrongType(let key, let found, let expected):
            "config.json: \(key) is \(found), expected \(expected)"
        case .unsupported(let key, let found, let supported):
            "config.json: \(key) is \(found), which is not supported; supported: \(supported)"
        case .indivisible(let dividend, let value, let divisor, let by):
            "config.json: \(dividend) \(value) is not divisible by \(divisor) \(by); "
                + "change one of them"
        case .outOfRange(let key, let found, let expected):
            "config.json: \(key) is \(found), expected \(expected)"
        case .unusedKey(let key): key.message
        case .tooLarge(let parameters, let limit):
            "config.json: its sizes make \(parameters) parameters, expected at most \(limit); "
                + "correct vocab_size, hidden_size, intermediate_size, num_hidden_layers, "
                + "num_attention_heads or head_dim"
        }
    }
}
