import Files

/// A value while a template is rendered, with Python's meaning.
enum JinjaValue {
    /// What is not there; the text says why, for a message where it is used.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    /// Digits of an integer that 64 bits do not hold: it can be written, not computed with.
    case bigInteger(String)
    case float(Double)
    case string(String)
    /// Text that `safe` or `escape` made; adding to it would escape the rest.
    case markup(String)
    case list([JinjaValue])
    case tuple([JinjaValue])
    case dictionary(JinjaDictionary)
    case iterator(JinjaIterator)
    case namespace(JinjaNamespace)
    case loop(JinjaLoop)
    case macro(JinjaMacro)
    /// A function of the environment, by its name.
    case function(String)
    /// A method of a value.
    case method(JinjaMethod)

    init(_ literal: JinjaLiteral) {
        self =
            switch literal {
            case .none: .none
            case .bool(let value): .bool(value)
            case .int(let value): .int(value)
            case .bigInteger(let digits): .bigInteger(digits)
            case .float(let value): .float(value)
            case .string(let text): .string(text)
            }
    }

    init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .number(let text):
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            if let value = Int(text) {
                self = .int(value)
            } else if digits.allSatisfy({ ("0"..."9").contains($0) }) {
                self = .bigInteger(text)
            } else {
                self = .float(PythonNumber.value(text) ?? .nan)
            }
        case .string(let text): self = .string(text)
        case .array(let values): self = .list(values.map { JinjaValue($0) })
        case .object(let members):
            let dictionary = JinjaDictionary()
            for member in members {
                dictionary.set(.string(member.key), JinjaValue(member.value))
            }
            self = .dictionary(dictionary)
        }
    }

    /// The text of a string, marked or not.
    var text: String? {
        switch self {
        case .string(let text), .markup(let text): text
        default: nil
        }
    }

    /// What Python calls true.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .float(let value): value != 0
        case .string(let text), .markup(let text): !text.isEmpty
        case .list(let values), .tuple(let values): !values.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .iterator(let iterator): iterator.kind == .generator || !iterator.values.isEmpty
        case .loop(let loop): !loop.values.isEmpty
        case .bigInteger, .namespace, .macro, .function, .method: true
        }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }

    /// The value's type as Python names it.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .int, .bigInteger: "int"
        case .float: "float"
        case .string: "str"
        case .markup: "Markup"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .iterator(let iterator): iterator.kind.rawValue
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .macro: "Macro"
        case .function: "function"
        case .method: "method"
        }
    }

    /// Whether two values are equal in Python.
    static func isEqual(_ a: JinjaValue, _ b: JinjaValue) -> Bool {
        if let a = a.text, let b = b.text { return a.utf8.elementsEqual(b.utf8) }
        switch (a, b) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.bigInteger(let a), .bigInteger(let b)): return a == b
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { isEqual($0, $1) }
        case (.dictionary(let a), .dictionary(let b)):
            guard a.entries.count == b.entries.count else { return false }
            return a.entries.allSatisfy { entry in
                b.value(of: entry.key).map { isEqual($0, entry.value) } ?? false
            }
        case (.iterator(let a), .iterator(let b)): return a === b
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.loop(let a), .loop(let b)): return a === b
        case (.macro(let a), .macro(let b)): return a === b
        case (.function(let a), .function(let b)): return a == b
        default:
            guard let a = a.number, let b = b.number else { return false }
            switch (a, b) {
            case (.int(let a), .int(let b)): return a == b
            default: return a.double == b.double
            }
        }
    }

    /// Whether two values are the same object, as far as templates can tell.
    static func isSame(_ a: JinjaValue, _ b: JinjaValue) -> Bool {
        a.typeName == b.typeName && isEqual(a, b)
    }

    /// A number; Python counts true and false among them.
    var number: JinjaNumber? {
        switch self {
        case .int(let value): .int(value)
        case .bool(let value): .int(value ? 1 : 0)
        case .float(let value): .float(value)
        default: nil
        }
    }

    /// An integer; true and false are 1 and 0.
    var integer: Int? {
        if case .int(let value)? = number { value } else { nil }
    }
}

/// A number to compute with.
enum JinjaNumber {
    case int(Int)
    case float(Double)

    var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .float(let value): value
        }
    }
}

/// A dictionary, in the order of its keys. It does not change after it was made.
final class JinjaDictionary {
    private(set) var entries: [(key: JinjaValue, value: JinjaValue)] = []
    /// Where keys of text stand, once there are many.
    private var places: [[UInt8]: Int] = [:]
    private static let few = 12

    /// The place of a key.
    private func place(of key: JinjaValue) -> Int? {
        guard let text = key.text, entries.count > Self.few else {
            return entries.firstIndex { JinjaValue.isEqual($0.key, key) }
        }
        return places[Array(text.utf8)]
    }

    func value(of key: JinjaValue) -> JinjaValue? { place(of: key).map { entries[$0].value } }

    func value(of key: String) -> JinjaValue? { value(of: .string(key)) }

    /// Sets a key while the dictionary is made.
    func set(_ key: JinjaValue, _ value: JinjaValue) {
        if let place = place(of: key) {
            entries[place].value = value
            return
        }
        entries.append((key, value))
        if entries.count == Self.few + 1 {
            for (place, entry) in entries.enumerated() {
                if let text = entry.key.text { places[Array(text.utf8)] = place }
            }
        } else if entries.count > Self.few, let text = key.text {
            places[Array(text.utf8)] = entries.count - 1
        }
    }
}

/// What can be gone through, and a generator only once.
final class JinjaIterator {
    enum Kind: String {
        case generator
        case keys = "dict_keys"
        case values = "dict_values"
        case items = "dict_items"
        case range
    }

    let kind: Kind
    private(set) var values: [JinjaValue]

    init(_ kind: Kind, _ values: [JinjaValue]) {
        self.kind = kind
        self.values = values
    }

    /// All that is left.
    func take() -> [JinjaValue] {
        defer { if kind == .generator { values = [] } }
        return values
    }

    /// The next value of a generator, the first of another.
    func next() -> JinjaValue? {
        guard let first = values.first else { return nil }
        if kind == .generator { values.removeFirst() }
        return first
    }
}

/// Variables that loops can set for what follows them.
final class JinjaNamespace {
    var attributes: [String: JinjaValue] = [:]
}

/// `loop`, inside of one.
final class JinjaLoop {
    let values: [JinjaValue]
    /// Loops around this one count from 0.
    var index = 0
    var lastChange: [JinjaValue]?

    init(_ values: [JinjaValue]) { self.values = values }
}

/// A macro, or the body of a call block.
final class JinjaMacro {
    let statement: JinjaMacroStatement
    let scope: JinjaScope

    init(_ statement: JinjaMacroStatement, in scope: JinjaScope) {
        self.statement = statement
        self.scope = scope
    }
}

/// A method and the value it belongs to.
final class JinjaMethod {
    let receiver: JinjaValue
    let name: String

    init(_ receiver: JinjaValue, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

/// Names and their values; what a scope lacks is looked up around it.
final class JinjaScope {
    private var values: [String: JinjaValue] = [:]
    private let parent: JinjaScope?

    init(in parent: JinjaScope?) { self.parent = parent }

    subscript(name: String) -> JinjaValue? {
        get {
            var scope: JinjaScope? = self
            while let here = scope {
                if let value = here.values[name] { return value }
                scope = here.parent
            }
            return nil
        }
        set { values[name] = newValue }
    }

    /// Lets go of all values, for macros and the scopes they stand in hold one another.
    func clear() { values = [:] }
}
