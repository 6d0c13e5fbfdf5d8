package import Configuration
import Files
import Foundation
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
        let bytes: [UInt8]
        do {
            bytes = try RegularFile.bytes(path, most: YAMLLimits.bytes)
        } catch {
            let isMissing = if case .system = error { true } else { false }
            throw .unreadable(
                reason: "cannot read '\(error.file)'"
                    + (isMissing ? "; give a YAML file of keys and values" : ": \(error.problem)"),
                place: .unknown)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
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
        var value: ConfigurationValue
        if isText(text) {
            value = ConfigurationValue(.string(text), place: .override)
        } else {
            value = try YAMLReader(file: nil).value(of: text, in: override)
        }
        let key = path.removeFirst()
        for inner in path.reversed() {
            value = ConfigurationValue(.map([inner: value]), place: .override)
        }
        values[key] = merge(value, into: values[key], depth: path.count)
    }

    /// Whether YAML would take a part of the argument for a comment. Arguments have none: the rest
    /// of a path or a prompt must not be lost.
    private static func isText(_ text: String) -> Bool {
        guard let first = text.first, !"\"'[{".contains(first) else { return false }
        return first == "#" || text.contains(" #") || text.contains("\t#")
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
        guard YAMLLimits.aliases(in: text) <= YAMLLimits.aliases else {
            throw .unreadable(
                reason:
                    "found more than \(YAMLLimits.aliases) aliases (*name), which may stand for "
                    + "no end of values; write the values out", place: place(nil))
        }
        guard let node = try compose(text) else { return [:] }
        guard case .mapping(let mapping) = node else {
            if case .scalar(let scalar) = node, scalar.string.isEmpty { return [:] }
            throw .unreadable(
                reason: "expected lines of the form key: value", place: place(node.mark))
        }
        var budget = YAMLLimits.values
        return try members(of: mapping, depth: 0, &budget)
    }

    /// The value after `key=`; an empty one is a null.
    func value(of text: String, in override: String) throws(ConfigurationError)
        -> ConfigurationValue
    {
        guard let node = try compose(text) else {
            return ConfigurationValue(.null, spelling: "", place: .override)
        }
        var budget = YAMLLimits.values
        return try value(node, depth: 0, &budget)
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

    /// The system ends a path at a NUL character, so another file would be meant than is written.
    private func checkText(
        _ text: String, of key: String, at mark: Mark?
    ) throws(ConfigurationError) {
        guard text.utf8.contains(0) else { return }
        throw .unreadable(
            reason:
                "\(key.replacing("\0", with: "\\0")): a NUL character (\\0) found, which no path or "
                + "name has; remove it", place: place(mark))
    }

    /// A tag of a program's own (`!function utils.f`) would be lost, and its value mean something else.
    private func checkTag(
        _ node: Node, of key: String, at mark: Mark?
    ) throws(ConfigurationError) {
        guard case .scalar(let scalar) = node, scalar.tag.description.hasPrefix("!"),
            scalar.tag.description != "!"
        else { return }
        throw .unreadable(
            reason:
                "\(key): found \(scalar.tag.description) \(scalar.string), which is another "
                + "program's code and cannot run here; write the value itself, or in a task file a "
                + "template", place: place(mark))
    }

    private func place(_ mark: Mark?) -> ConfigurationPlace {
        guard let file else { return .override }
        return mark.map { .line($0.line, file: file) } ?? .unknown
    }

    private func members(
        of mapping: Node.Mapping, depth: Int, _ budget: inout Int
    ) throws(ConfigurationError) -> [String: ConfigurationValue] {
        var members: [String: ConfigurationValue] = [:]
        for (key, node) in mapping {
            guard case .scalar(let scalar) = key else {
                throw .unreadable(
                    reason: "a key must be a word, found a list or map", place: place(key.mark))
            }
            // A scalar's own line may be a later one; the key's is what the user looks for.
            try checkText(scalar.string, of: scalar.string, at: key.mark)
            try checkTag(node, of: scalar.string, at: key.mark)
            let value = try value(node, mark: key.mark, depth: depth + 1, &budget)
            if case .string(let text) = value.content {
                try checkText(text, of: scalar.string, at: key.mark)
            }
            members[scalar.string] = value
        }
        return members
    }

    private func value(
        _ node: Node, mark: Mark? = nil, depth: Int, _ budget: inout Int
    ) throws(ConfigurationError) -> ConfigurationValue {
        let place = place(mark ?? node.mark)
        guard depth <= YAMLLimits.depth else {
            throw .unreadable(
                reason: "lists and maps lie more than \(YAMLLimits.depth) deep in one another",
                place: place)
        }
        budget -= 1
        guard budget >= 0 else {
            throw .unreadable(
                reason: "more than \(YAMLLimits.values) values, aliases (*name) included",
                place: place)
        }
        switch node {
        case .scalar(let scalar):
            let isQuoted = [.singleQuoted, .doubleQuoted, .literal, .folded].contains(scalar.style)
            let content =
                isQuoted ? .string(scalar.string) : YAMLScalar.content(of: scalar.string)
            return ConfigurationValue(content, spelling: scalar.string, place: place)
        case .sequence(let sequence):
            var items: [ConfigurationValue] = []
            for item in sequence { items.append(try value(item, depth: depth + 1, &budget)) }
            return ConfigurationValue(.list(items), place: place)
        case .mapping(let mapping):
            return ConfigurationValue(
                .map(try members(of: mapping, depth: depth, &budget)), place: place)
        case .alias:
            throw .unreadable(reason: "an alias (*name) without its anchor", place: place)
        }
    }
}

/// What a configuration file may be made of, far beyond what any needs: aliases can make a small file
/// stand for more values than fit into memory.
private enum YAMLLimits {
    static let bytes = 1 << 20
    static let depth = 32
    static let values = 100_000
    /// Uses of anchors.
    static let aliases = 16

    /// How often a text may refer to an anchor that it may have: `*name` where `&name` is, wherever
    /// they stand.
    static func aliases(in text: String) -> Int {
        let anchors = Set(names(after: UInt8(ascii: "&"), in: text))
        guard !anchors.isEmpty else { return 0 }
        return names(after: UInt8(ascii: "*"), in: text).count { anchors.contains($0) }
    }

    private static func names(after mark: UInt8, in text: String) -> [Substring] {
        var names: [Substring] = []
        var rest = text[...]
        while let place = rest.utf8.firstIndex(of: mark) {
            rest = rest[rest.utf8.index(after: place)...]
            let end =
                rest.utf8.firstIndex { $0 <= 0x20 || ",[]{}".utf8.contains($0) } ?? rest.endIndex
            if end > rest.startIndex { names.append(rest[..<end]) }
        }
        return names
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
