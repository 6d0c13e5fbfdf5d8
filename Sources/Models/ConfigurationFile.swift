import Foundation

/// A Hugging Face config.json, read key by key.
struct ConfigurationFile {
    let modelType: String
    private let values: [String: Any]

    /// - Parameter text: the file's JSON.
    init(text: String) throws(ModelError) {
        let object: Any
        do {
            object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        } catch {
            throw .notJSON(file: "config.json", reason: "it cannot be parsed")
        }
        guard let values = object as? [String: Any] else {
            throw .notJSON(file: "config.json", reason: "its top level is not an object")
        }
        guard let type = values["model_type"] as? String else {
            throw .missingKey("model_type", model: "Hugging Face")
        }
        self.values = values
        modelType = type
    }

    private init(modelType: String, values: [String: Any]) {
        self.modelType = modelType
        self.values = values
    }

    /// The same with numbers for keys that are missing or null.
    func withDefaults(_ numbers: [String: Double]) -> ConfigurationFile {
        replacing(numbers.filter { !has($0.key) })
    }

    /// The same with other numbers under these keys.
    func replacing(_ numbers: [String: Double]) -> ConfigurationFile {
        let numbers = numbers.mapValues { NSNumber(value: $0) as Any }
        return ConfigurationFile(
            modelType: modelType, values: values.merging(numbers) { _, new in new })
    }

    /// Whether the key is there and not null.
    func has(_ key: String) -> Bool {
        guard let value = values[key] else { return false }
        return !(value is NSNull)
    }

    /// The nested object under `key`, if there is one.
    func section(_ key: String) throws(ModelError) -> ConfigurationFile? {
        guard has(key) else { return nil }
        guard let values = values[key] as? [String: Any] else {
            throw wrongType(key, "an object")
        }
        return ConfigurationFile(modelType: modelType, values: values)
    }

    /// A positive whole number.
    func count(_ key: String, default fallback: Int? = nil) throws(ModelError) -> Int {
        guard has(key) else {
            guard let fallback else { throw .missingKey(key, model: modelType) }
            return fallback
        }
        guard let number = number(key), number == number.rounded(), abs(number) < 1e15 else {
            throw wrongType(key, "a whole number")
        }
        guard number > 0 else {
            throw .outOfRange(key: key, found: found(key), expected: "a number above 0")
        }
        return Int(number)
    }

    func real(_ key: String, default fallback: Double? = nil) throws(ModelError) -> Double {
        guard has(key) else {
            guard let fallback else { throw .missingKey(key, model: modelType) }
            return fallback
        }
        guard let number = number(key) else { throw wrongType(key, "a number") }
        return number
    }

    /// A probability below 1.
    func probability(_ key: String, default fallback: Double) throws(ModelError) -> Float {
        let value = try real(key, default: fallback)
        guard value >= 0, value < 1 else {
            throw .outOfRange(key: key, found: found(key), expected: "at least 0 and below 1")
        }
        return Float(value)
    }

    func flag(_ key: String, default fallback: Bool) throws(ModelError) -> Bool {
        guard has(key) else { return fallback }
        guard let number = values[key] as? NSNumber, isBoolean(number) else {
            throw wrongType(key, "true or false")
        }
        return number.boolValue
    }

    func text(_ key: String, default fallback: String) throws(ModelError) -> String {
        guard has(key) else { return fallback }
        guard let text = values[key] as? String else { throw wrongType(key, "a string") }
        return text
    }

    func texts(_ key: String) throws(ModelError) -> [String]? {
        guard has(key) else { return nil }
        guard let texts = values[key] as? [String] else { throw wrongType(key, "strings") }
        return texts
    }

    /// Numbers of a list; `count` of them.
    func reals(_ key: String, count: Int) throws(ModelError) -> [Double] {
        guard has(key) else { throw .missingKey(key, model: modelType) }
        let numbers = (values[key] as? [Any])?.compactMap { ($0 as? NSNumber)?.doubleValue }
        guard let numbers else { throw wrongType(key, "numbers") }
        guard numbers.count == count else {
            throw .outOfRange(
                key: key, found: "\(numbers.count) numbers", expected: "\(count) of them")
        }
        return numbers
    }

    /// Refuses a flag that is set to what no one here computes.
    func require(_ key: String, _ expected: Bool) throws(ModelError) {
        guard try flag(key, default: expected) != expected else { return }
        throw .unsupported(key: key, found: found(key), supported: "\(expected)")
    }

    /// Whole numbers.
    func integers(_ key: String) throws(ModelError) -> [Int]? {
        guard has(key) else { return nil }
        guard let numbers = values[key] as? [Int] else { throw wrongType(key, "whole numbers") }
        return numbers
    }

    /// What stands under the key, for messages.
    func found(_ key: String) -> String {
        guard let value = values[key] else { return "missing" }
        if let text = value as? String { return "\"\(text)\"" }
        if let number = value as? NSNumber, isBoolean(number) { return "\(number.boolValue)" }
        return "\(value)"
    }

    private func number(_ key: String) -> Double? {
        guard let number = values[key] as? NSNumber, !isBoolean(number) else { return nil }
        return number.doubleValue
    }

    private func isBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c" && (number == 0 || number == 1)
    }

    private func wrongType(_ key: String, _ expected: String) -> ModelError {
        .wrongType(key: key, found: found(key), expected: expected)
    }
}
