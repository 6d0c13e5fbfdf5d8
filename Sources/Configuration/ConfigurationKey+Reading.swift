import Files
import Foundation

extension ConfigurationKey {
    /// Turns what was written into a setting of this key's type.
    ///
    /// - Throws: ``ConfigurationError`` `wrongType`, `outOfRange`, `notAChoice` or `notSupportedYet`,
    ///   with the value's place. A null leaves the default.
    func read(_ value: ConfigurationValue) throws(ConfigurationError) -> Setting {
        if value.content == .null { return standard }
        let setting =
            switch kind {
            case .boolean: try readBoolean(value)
            case .integer(let bounds): try readInteger(value, bounds)
            case .number(let bounds): try readNumber(value, bounds)
            case .text: Setting.text(try readText(value, expected: "a text"))
            case .choice(let words, let later, let synonyms):
                try readChoice(value, words, later, synonyms)
            case .list: try readList(value)
            case .map: try readMap(value)
            case .interval: try readInterval(value)
            case .amount: try readAmount(value)
            case .switchOrText: try readSwitchOrText(value)
            case .anything: Setting.text(value.spelling)
            }
        if case .later(let advice) = support, setting != standard, !Self.meansOff(value) {
            throw .notSupportedYet(
                key: name, value: value.found, advice: advice, place: value.place)
        }
        if case .never(let reason) = support, !Self.meansOff(value) {
            throw .notSupported(key: name, value: value.found, reason: reason, place: value.place)
        }
        return setting
    }

    /// Whether a value says "not wanted": null, false, 0, an empty text, `no` or `none`.
    static func meansOff(_ value: ConfigurationValue) -> Bool {
        switch value.content {
        case .null, .bool(false), .int(0), .double(0): true
        case .string(let text): ["", "no", "none", "off"].contains(text.lowercased())
        case .list(let values): values.isEmpty
        case .map(let values): values.isEmpty
        default: false
        }
    }

    private func wrongType(
        _ value: ConfigurationValue, expected: String
    ) -> ConfigurationError {
        .wrongType(key: name, found: value.found, expected: expected, place: value.place)
    }

    private func outOfRange(
        _ value: ConfigurationValue, expected: String
    ) -> ConfigurationError {
        .outOfRange(key: name, found: value.found, expected: expected, place: value.place)
    }

    /// YAML 1.1's words for truth, which many existing files use; `nil` for other values.
    private static func truth(_ value: ConfigurationValue) -> Bool? {
        switch value.content {
        case .bool(let truth): return truth
        case .string(let text):
            switch text.lowercased() {
            case "true", "yes", "on": return true
            case "false", "no", "off": return false
            default: return nil
            }
        default: return nil
        }
    }

    private func readBoolean(_ value: ConfigurationValue) throws(ConfigurationError) -> Setting {
        guard let truth = Self.truth(value) else {
            throw wrongType(value, expected: "true or false")
        }
        return .boolean(truth)
    }

    private func readInteger(
        _ value: ConfigurationValue, _ bounds: Bounds
    ) throws(ConfigurationError) -> Setting {
        let decimal = Self.number(value)
        let expected = "a whole number" + bounds.words(for: decimal)
        guard let decimal else { throw wrongType(value, expected: expected) }
        let number: Int
        if case .int(let whole) = value.content {
            number = whole
        } else if let whole = Int(exactly: decimal) {
            number = whole
        } else if decimal.magnitude > bounds.largest {
            throw outOfRange(value, expected: expected)
        } else {
            throw wrongType(value, expected: expected)
        }
        guard bounds.contains(Double(number)) else { throw outOfRange(value, expected: expected) }
        return .integer(number)
    }

    /// The number that was written, in quotes or not; `nil` for other values.
    ///
    /// PyYAML and forms of web pages put `1e-3` in quotes; transformers takes it as the number.
    private static func number(_ value: ConfigurationValue) -> Double? {
        switch value.content {
        case .int(let whole): Double(whole)
        case .double(let decimal): decimal
        case .string(let text):
            // Not the words and hexadecimal numbers that Swift knows, too.
            text.utf8.allSatisfy { "0123456789+-.eE_".utf8.contains($0) }
                && text.utf8.contains { (48...57).contains($0) }
                ? Double(text.filter { $0 != "_" }) : nil
        default: nil
        }
    }

    private func decimal(
        _ value: ConfigurationValue, expected: String
    ) throws(ConfigurationError) -> Double {
        guard let decimal = Self.number(value) else { throw wrongType(value, expected: expected) }
        return decimal
    }

    private func readNumber(
        _ value: ConfigurationValue, _ bounds: Bounds
    ) throws(ConfigurationError) -> Setting {
        let expected = "a number" + bounds.words(for: Self.number(value))
        let number = try decimal(value, expected: expected)
        guard bounds.contains(number) else { throw outOfRange(value, expected: expected) }
        return .number(number)
    }

    private func readText(
        _ value: ConfigurationValue, expected: String
    ) throws(ConfigurationError) -> String {
        switch value.content {
        case .string, .int, .double, .bool:
            guard !value.spelling.isEmpty else { throw outOfRange(value, expected: expected) }
            return value.spelling
        default: throw wrongType(value, expected: expected)
        }
    }

    private func readChoice(
        _ value: ConfigurationValue, _ words: [String], _ later: [String],
        _ synonyms: [String: String]
    ) throws(ConfigurationError) -> Setting {
        var word = value.spelling
        switch value.content {
        case .list, .map:
            throw wrongType(value, expected: "one of " + words.joined(separator: ", "))
        // YAML 1.1 reads a bare `no` as false, and some tools write it so.
        case .bool(false) where words.contains("no"): word = "no"
        default: break
        }
        word = synonyms[word] ?? word
        if later.contains(word) {
            throw .notSupportedYet(
                key: name, value: "'\(word)'",
                advice: words.count == 1
                    ? "use '\(words[0])'" : "use one of " + words.joined(separator: ", "),
                place: value.place)
        }
        guard words.contains(word) else {
            // Any single character is near to any other.
            let suggestion =
                word.count > 1
                ? NearestName.find(word, among: words)
                    ?? NearestName.find(word, among: later + synonyms.keys) : nil
            throw .notAChoice(
                key: name, found: value.found, choices: words, suggestion: suggestion,
                place: value.place)
        }
        return .text(word)
    }

    private func readList(_ value: ConfigurationValue) throws(ConfigurationError) -> Setting {
        let expected = "a text, a list of texts, or texts separated by commas"
        var items: [String] = []
        if case .list(let values) = value.content {
            // As in Transformers, an empty list is none where there is such a word.
            if values.isEmpty, standard == .list(["none"]) { return standard }
            for item in values { items.append(try readText(item, expected: expected)) }
        } else {
            items = try readText(value, expected: expected).split(separator: ",").map(String.init)
        }
        items = items.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard !items.isEmpty else { throw outOfRange(value, expected: expected) }
        return .list(items)
    }

    private func readMap(_ value: ConfigurationValue) throws(ConfigurationError) -> Setting {
        guard case .map(let values) = value.content else {
            throw wrongType(value, expected: "a map of keys, as in {power: 2.0}")
        }
        return .map(values)
    }

    /// Steps and samples beyond it are not told apart by a double.
    private static let largestCount = 9_007_199_254_740_992.0

    private func readInterval(_ value: ConfigurationValue) throws(ConfigurationError) -> Setting {
        let expected = "a whole number of steps, or a fraction of all steps below 1"
        let number = try decimal(value, expected: expected)
        guard number > 0, number <= Self.largestCount, number < 1 || Int(exactly: number) != nil
        else {
            throw outOfRange(value, expected: expected)
        }
        return .number(number)
    }

    private func readAmount(_ value: ConfigurationValue) throws(ConfigurationError) -> Setting {
        let expected = "0, a fraction below 1, or a whole number"
        let number = try decimal(value, expected: expected)
        guard number >= 0, number <= Self.largestCount, number < 1 || Int(exactly: number) != nil
        else {
            throw outOfRange(value, expected: expected)
        }
        return .number(number)
    }

    private func readSwitchOrText(
        _ value: ConfigurationValue
    ) throws(ConfigurationError) -> Setting {
        if let truth = Self.truth(value) { return .boolean(truth) }
        return .text(try readText(value, expected: "true, false or a path"))
    }
}
