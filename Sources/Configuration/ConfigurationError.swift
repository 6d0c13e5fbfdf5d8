/// A mistake in a configuration or in the files it names; the user can mend it.
///
/// Each message is one line: where, what was found, what was expected, what to do.
package enum ConfigurationError: Error, Equatable {
    case unknownKey(key: String, suggestion: String?, place: ConfigurationPlace)
    case duplicateKey(key: String, lines: [Int], file: String)
    case wrongType(key: String, found: String, expected: String, place: ConfigurationPlace)
    case outOfRange(key: String, found: String, expected: String, place: ConfigurationPlace)
    case notAChoice(
        key: String, found: String, choices: [String], suggestion: String?,
        place: ConfigurationPlace)
    /// A key or value that a later version will honour.
    case notSupportedYet(
        key: String, value: String, advice: String, place: ConfigurationPlace)
    /// A key or value that no version will honour.
    case notSupported(key: String, value: String, reason: String, place: ConfigurationPlace)
    /// Keys of a file for another program; `keys` in the order in which they were written.
    case otherEngine(ForeignEngine, keys: [String], place: ConfigurationPlace)
    case missing(key: String, reason: String)
    /// Keys that are each well formed but do not go together.
    case contradiction(keys: [String], reason: String, place: ConfigurationPlace)
    /// A file or folder that a key names is absent or unusable.
    case file(key: String, path: String, problem: String, place: ConfigurationPlace)
    /// The text is no configuration at all.
    case unreadable(reason: String, place: ConfigurationPlace)
}

extension ConfigurationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownKey(let key, let suggestion, let place):
            place.prefix + "unknown key '\(key)'"
                + (suggestion.map { "; did you mean '\($0)'?" } ?? "; no known key is like it")
        case .duplicateKey(let key, let lines, let file):
            "\(file): key '\(key)' is given more than once"
                + (lines.isEmpty
                    ? "" : " (lines " + lines.map(String.init).joined(separator: ", ") + ")")
                + "; keep one"
        case .wrongType(let key, let found, let expected, let place):
            place.prefix + "\(key): found \(found), expected \(expected)"
        case .outOfRange(let key, let found, let expected, let place):
            place.prefix + "\(key): found \(found), expected \(expected)"
        case .notAChoice(let key, let found, let choices, let suggestion, let place):
            place.prefix + "\(key): found \(found), expected one of "
                + choices.joined(separator: ", ")
                + (suggestion.map { "; did you mean '\($0)'?" } ?? "")
        case .notSupportedYet(let key, let value, let advice, let place):
            place.prefix + "\(key): \(value) is not supported yet; \(advice)"
        case .notSupported(let key, let value, let reason, let place):
            place.prefix + "\(key): \(value) is not supported and will not be; \(reason)"
        case .otherEngine(let engine, let keys, let place):
            place.prefix + keys.prefix(3).joined(separator: ", ")
                + (keys.count > 3 ? " and \(keys.count - 3) more" : "") + ": \(engine.advice)"
        case .missing(let key, let reason):
            "\(key) is missing: \(reason)"
        case .contradiction(let keys, let reason, let place):
            place.prefix + keys.joined(separator: ", ") + ": \(reason)"
        case .file(let key, let path, let problem, let place):
            place.prefix + "\(key): '\(path)' \(problem)"
        case .unreadable(let reason, let place):
            place.prefix + reason
        }
    }
}
