import Foundation
package import Training
import Yams

/// A configuration file as keys and values, with `key=value` overrides from the command line.
package struct YAMLDocument {
    /// What was written, the overrides' values in place of the file's.
    package let values: [String: ConfigurationValue]

    /// Reads the file at `path`.
    ///
    /// - Throws: ``ConfigurationError`` `unreadable` when there is no such file or it is no map of
    ///   keys, `duplicateKey` when a key stands twice.
    package init(
        contentsOf path: String, overrides: [String] = []
    ) throws(ConfigurationError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unreadable(
                reason: "cannot read '\(path)'; give a YAML file of keys and values",
                place: .unknown)
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw .unreadable(reason: "'\(path)' is not UTF-8 text", place: .unknown)
        }
        let name = (path as NSString).lastPathComponent
        try self.init(text: text, file: name, overrides: overrides)
    }

    /// Reads YAML; `file` is its name in messages.
    ///
    /// - Throws: As ``init(contentsOf:overrides:)``.
    package init(
        text: String, file: String, overrides: [String] = []
    ) throws(ConfigurationError) {
        let reader = YAMLReader(file: file)
        var values = try reader.topLevel(of: text)
        for override in overrides { try Self.apply(override, to: &values) }
        self.values = values
    }

    /// Puts one `key=value` in place; `key.inner=value` changes one member of a map.
    private static func apply(
        _ override: String, to values: inout [String: ConfigurationValue]
    ) throws(ConfigurationError) {
        guard let equals = override.firstIndex(of: "="), equals != override.startIndex else {
            throw .unreadable(
                reason: "found '\(override)', expected key=value", place: .override)
        }
        var path = override[..<equals].split(separator: ".", omittingEmptySubsequences: false)
            .map(String.init)
        let text = String(override[override.index(after: equals)...])
        var value = try YAMLReader(file: nil).value(of: text, in: override)
        let key = path.removeFirst()
        for inner in path.reversed() {
            value = ConfigurationValue(.map([inner: value]), place: .override)
        }
        values[key] = merge(value, into: values[key], depth: path.count)
    }

    private static func merge(
        _ value: ConfigurationValue, into old: ConfigurationValue?, depth: Int
    ) -> ConfigurationValue {
        guard depth > 0, case .map(let changes) = value.content,
            case .map(var members)? = old?.content
        else { return value }
        for (name, change) in changes {
            members[name] = merge(change, into: members[name], depth: depth - 1)
        }
        return ConfigurationValue(.map(members), place: .override)
    }
}

/// Turns Yams's nodes into configuration values.
private struct YAMLReader {
    /// The file's name, or `nil` for an override.
    let file: String?

    func topLevel(of text: String) throws(ConfigurationError) -> [String: ConfigurationValue] {
        guard let node = try compose(text) else { return [:] }
        guard case .mapping(let mapping) = node else {
            if case .scalar(let scalar) = node, scalar.string.isEmpty { return [:] }
            throw .unreadable(
                reason: "expected lines of the form key: value", place: place(node.mark))
        }
        return try members(of: mapping)
    }

    /// The value after `key=`; an empty one is a null.
    func value(of text: String, in override: String) throws(ConfigurationError)
        -> ConfigurationValue
    {
        guard let node = try compose(text) else {
            return ConfigurationValue(.null, spelling: "", place: .override)
        }
        return try value(node)
    }

    private func compose(_ text: String) throws(ConfigurationError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch YamlError.duplicatedKeysInMapping(let keys, _) {
            let key = keys.first ?? ""
            throw .duplicateKey(
                key: key, lines: file == nil ? [] : lines(of: key, in: text),
                file: file ?? "command line")
        } catch YamlError.scanner(_, let problem, let mark, _),
            YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _)
        {
            throw .unreadable(reason: "not valid YAML: \(problem)", place: place(mark))
        } catch {
            let words = "\(error)".split(separator: "\n").first.map(String.init) ?? ""
            throw .unreadable(reason: "not valid YAML: \(words)", place: place(nil))
        }
    }

    /// The lines on which `key` begins.
    private func lines(of key: String, in text: String) -> [Int] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .filter { _, line in
                let bare = line.trimmingCharacters(in: CharacterSet(charactersIn: " \"'"))
                guard bare.hasPrefix(key) else { return false }
                return bare.dropFirst(key.count).drop { " \"'".contains($0) }.hasPrefix(":")
            }
            .map { $0.offset + 1 }
    }

    private func place(_ mark: Mark?) -> ConfigurationPlace {
        guard let file else { return .override }
        return mark.map { .line($0.line, file: file) } ?? .unknown
    }

    private func members(
        of mapping: Node.Mapping
    ) throws(ConfigurationError) -> [String: ConfigurationValue] {
        var members: [String: ConfigurationValue] = [:]
        for (key, node) in mapping {
            guard case .scalar(let scalar) = key else {
                throw .unreadable(
                    reason: "a key must be a word, found a list or map", place: place(key.mark))
            }
            // A scalar's own line may be a later one; the key's is what the user looks for.
            members[scalar.string] = try value(node, mark: key.mark)
        }
        return members
    }

    private func value(
        _ node: Node, mark: Mark? = nil
    ) throws(ConfigurationError) -> ConfigurationValue {
        let place = place(mark ?? node.mark)
        switch node {
        case .scalar(let scalar):
            let isQuoted = [.singleQuoted, .doubleQuoted, .literal, .folded].contains(scalar.style)
            let content =
                isQuoted ? .string(scalar.string) : YAMLScalar.content(of: scalar.string)
            return ConfigurationValue(content, spelling: scalar.string, place: place)
        case .sequence(let sequence):
            var items: [ConfigurationValue] = []
            for item in sequence { items.append(try value(item)) }
            return ConfigurationValue(.list(items), place: place)
        case .mapping(let mapping):
            return ConfigurationValue(.map(try members(of: mapping)), place: place)
        case .alias:
            throw .unreadable(reason: "an alias (*name) without its anchor", place: place)
        }
    }
}

/// What a bare scalar means: YAML 1.2's core schema, with `1e-4` a number as everyone expects.
enum YAMLScalar {
    /// The meaning of `text`; words such as `no` stay texts, which a key may take as false.
    static func content(of text: String) -> ConfigurationValue.Content {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf": return .double(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .double(-.infinity)
        case ".nan", ".NaN", ".NAN": return .double(.nan)
        default: break
        }
        if let whole = integer(text) { return .int(whole) }
        if isDecimal(text),
            let decimal = Double(text.hasPrefix("+") ? String(text.dropFirst()) : text)
        {
            return .double(decimal)
        }
        return .string(text)
    }

    private static func integer(_ text: String) -> Int? {
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, (48...57).contains(first),
            digits.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: "_") }),
            !text.hasSuffix("_")
        else { return nil }
        return Int(text.filter { $0 != "_" && $0 != "+" })
    }

    /// Whether the text is digits with at most one point and one exponent: `5.`, `.5`, `1e-4`.
    private static func isDecimal(_ text: String) -> Bool {
        var rest = Substring(text)
        func sign() {
            if let first = rest.first, first == "-" || first == "+" { rest.removeFirst() }
        }
        func digits() -> Int {
            let count = rest.prefix { $0.isASCII && $0.isNumber }.count
            rest = rest.dropFirst(count)
            return count
        }
        sign()
        var count = digits()
        if rest.first == "." {
            rest.removeFirst()
            count += digits()
        }
        guard count > 0 else { return false }
        guard let exponent = rest.first else { return true }
        guard exponent == "e" || exponent == "E" else { return false }
        rest.removeFirst()
        sign()
        return digits() > 0 && rest.isEmpty
    }
}
