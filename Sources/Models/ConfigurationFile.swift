import Files

/// A Hugging Face config.json, read key by key.
///
/// Every key that is asked for counts as used; ``refuseUnused(harmless:)`` refuses what is left.
struct ConfigurationFile {
    let modelType: String
    /// The whole file.
    let text: String
    /// Which head the model is to have beside its body.
    let purpose: ModelPurpose
    private let object: KeyedObject
    /// Values that hold in place of the file's.
    private var own: [String: JSONValue] = [:]
    /// Another name of a key, by the key. Where the file has both, the other one's value holds.
    private var otherNames: [String: String] = [:]

    /// - Parameter text: the file's JSON.
    init(text: String, for purpose: ModelPurpose = .language) throws(ModelError) {
        let file = "config.json"
        let value: JSONValue
        do throws(JSONProblem) {
            value = try JSONValueReader.read(text)
        } catch {
            throw .notJSON(file: file, reason: "it cannot be parsed")
        }
        do throws(JSONProblem) {
            object = try KeyedObject(value, file: file)
        } catch {
            throw .notJSON(file: file, reason: "its top level is not an object")
        }
        guard let type = object["model_type"]?.string else {
            throw .missingKey("model_type", model: "Hugging Face")
        }
        self.text = text
        self.purpose = purpose
        modelType = type
    }

    private init(_ object: KeyedObject, in file: ConfigurationFile) {
        self.object = object
        modelType = file.modelType
        text = file.text
        purpose = file.purpose
    }

    /// The same with values for keys that the file does not name. A key that is null stays so.
    func withDefaults(_ values: [String: JSONValue]) -> ConfigurationFile {
        var copy = self
        for (key, value) in values where found(key) == "missing" { copy.own[key] = value }
        return copy
    }

    /// The same with other values under these keys, whatever the file says; what it says there is
    /// not used.
    func replacing(_ values: [String: JSONValue]) -> ConfigurationFile {
        var copy = self
        copy.own.merge(values) { $1 }
        return copy
    }

    /// The same, where keys may go by another name, as transformers' attribute maps have them.
    ///
    /// - Parameter names: the other name, by the key that is asked for.
    func renaming(_ names: [String: String]) -> ConfigurationFile {
        var copy = self
        copy.otherNames.merge(names) { $1 }
        return copy
    }

    /// The value under a key, which is thereby used; `nil` where it is missing or null.
    func value(_ key: String) -> JSONValue? {
        if let own = own[key] { return own == .null ? nil : own }
        let value = object[key]
        guard let other = otherNames[key], let otherValue = object[other] else { return value }
        return otherValue
    }

    /// Lets keys count as used that mean nothing beside others.
    func pass(_ keys: String...) {
        for key in keys { _ = object[key] }
    }

    /// Whether the key is there and not null; asking does not use it.
    func has(_ key: String) -> Bool { unused(key).map { $0 != .null } ?? false }

    /// Refuses the first key of the file that no one asked for and that is not harmless.
    func refuseUnused(harmless: [String: HarmlessKey]) throws(ModelError) {
        do throws(UnusedKey) {
            try object.refuseUnused(harmless: harmless)
        } catch {
            throw .unusedKey(error)
        }
    }

    /// The nested object under `key`, if there is one.
    func section(_ key: String) throws(ModelError) -> ConfigurationFile? {
        if case .null? = own[key] { return nil }
        do throws(JSONProblem) {
            return try object.object(key).map { ConfigurationFile($0, in: self) }
        } catch {
            throw wrongType(key, "an object")
        }
    }

    /// Whether an object without any keys stands under `key`.
    func isEmpty(_ key: String) -> Bool { unused(key)?.members?.isEmpty == true }

    /// A whole number.
    ///
    /// - Parameter range: where it has to lie.
    func count(
        _ key: String, default fallback: Int? = nil, in range: ClosedRange<Int> = 1...Int(Int32.max)
    ) throws(ModelError) -> Int {
        guard let value = value(key) else {
            guard let fallback else { throw .missingKey(name(key), model: modelType) }
            return fallback
        }
        guard let number = value.double, number == number.rounded() else {
            throw wrongType(key, "a whole number")
        }
        guard number > 0 || range.lowerBound <= 0 else {
            throw outOfRange(key, "a number above 0")
        }
        guard number >= Double(range.lowerBound), number <= Double(range.upperBound) else {
            throw outOfRange(key, "\(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }

    /// A number.
    ///
    /// - Parameter range: where it has to lie.
    func real(
        _ key: String, default fallback: Double? = nil, _ range: RealRange = .finite
    ) throws(ModelError) -> Double {
        guard let value = value(key) else {
            guard let fallback else { throw .missingKey(name(key), model: modelType) }
            return fallback
        }
        guard let number = value.double else { throw wrongType(key, "a number") }
        guard range.contains(number) else { throw outOfRange(key, range.text) }
        return number
    }

    /// A probability below 1.
    func probability(_ key: String, default fallback: Double) throws(ModelError) -> Float {
        Float(try real(key, default: fallback, .probability))
    }

    func flag(_ key: String, default fallback: Bool) throws(ModelError) -> Bool {
        guard let value = value(key) else { return fallback }
        guard let flag = value.bool else { throw wrongType(key, "true or false") }
        return flag
    }

    func text(_ key: String, default fallback: String) throws(ModelError) -> String {
        guard let value = value(key) else { return fallback }
        guard let text = value.string else { throw wrongType(key, "a string") }
        return text
    }

    func texts(_ key: String) throws(ModelError) -> [String]? {
        guard let value = value(key) else { return nil }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else { throw wrongType(key, "strings") }
        return texts
    }

    /// Numbers of a list; `count` of them, each in `range`.
    func reals(
        _ key: String, count: Int, _ range: RealRange
    ) throws(ModelError) -> [Double] {
        guard let value = value(key) else { throw .missingKey(name(key), model: modelType) }
        let numbers = value.array?.compactMap(\.double)
        guard let numbers, numbers.count == value.array?.count else {
            throw wrongType(key, "numbers")
        }
        guard numbers.count == count else {
            throw .outOfRange(
                key: name(key), found: "\(numbers.count) numbers", expected: "\(count) of them")
        }
        guard numbers.allSatisfy(range.contains) else { throw outOfRange(key, range.text) }
        return numbers
    }

    /// Whole numbers.
    func integers(_ key: String) throws(ModelError) -> [Int]? {
        guard let value = value(key) else { return nil }
        let numbers = value.array?.compactMap(\.integer)
        guard let numbers, numbers.count == value.array?.count else {
            throw wrongType(key, "whole numbers")
        }
        return numbers
    }

    /// Refuses a flag that is set to what no one here computes.
    func require(_ key: String, _ expected: Bool) throws(ModelError) {
        guard try flag(key, default: expected) != expected else { return }
        throw unsupported(key, "\(expected)")
    }

    /// What stands under the key, for messages.
    func found(_ key: String) -> String {
        guard let value = unused(key) else { return "missing" }
        if let text = value.string { return "\"\(JSONValue.shortened(text))\"" }
        return value.kind
    }

    /// The full name of a key, for messages.
    func name(_ key: String) -> String { object.name(key) }

    func outOfRange(_ key: String, _ expected: String) -> ModelError {
        .outOfRange(key: name(key), found: found(key), expected: expected)
    }

    func unsupported(_ key: String, _ supported: String) -> ModelError {
        .unsupported(key: name(key), found: found(key), supported: supported)
    }

    private func wrongType(_ key: String, _ expected: String) -> ModelError {
        .wrongType(key: name(key), found: found(key), expected: expected)
    }

    /// The value under a key, null included, without using it.
    private func unused(_ key: String) -> JSONValue? {
        if let own = own[key] { return own }
        let file = JSONValue.object(object.members)
        if let other = otherNames[key], let value = file[other] { return value }
        return file.member(key)
    }
}
