package import Files

/// A field of the board's forms, under the name that LLaMA Board gives it.
package struct BoardField: Sendable {
    package enum Kind: Sendable {
        case text
        /// Several lines.
        case prose
        case number
        case toggle
        /// One of some words.
        case choice([String])
        /// A path, with what lies in the allowed folders to choose from.
        case path
    }

    /// `tab.field`
    package let name: String
    package let kind: Kind
    package let standard: JSONValue
    /// The key of the configuration that takes the value as it is; `nil` where ``BoardForm`` sees to it.
    package let key: String?
    package let english: String
    package let chinese: String

    init(
        _ name: String, _ kind: Kind, _ standard: JSONValue, key: String? = nil, _ english: String,
        _ chinese: String
    ) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.key = key
        self.english = english
        self.chinese = chinese
    }

    /// What the page makes the field of.
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            ("name", .string(name)), ("standard", standard), ("en", .string(english)),
            ("zh", .string(chinese)), ("key", key.map { .string($0) } ?? .null),
        ]
        switch kind {
        case .text: members.append(("kind", .string("text")))
        case .prose: members.append(("kind", .string("prose")))
        case .number: members.append(("kind", .string("number")))
        case .toggle: members.append(("kind", .string("toggle")))
        case .path: members.append(("kind", .string("path")))
        case .choice(let words):
            members.append(("kind", .string("choice")))
            members.append(("words", .array(words.map { .string($0) })))
        }
        return .object(members)
    }
}

/// Fields that stand together.
package struct BoardGroup: Sendable {
    /// When the group has a say: a field has one of some values.
    package struct Condition: Sendable {
        let field: String
        let values: [String]
    }

    package let name: String
    package let english: String
    package let chinese: String
    package let condition: Condition?
    package let fields: [BoardField]
    /// Whether the page shows it folded at first.
    package let isFolded: Bool

    init(
        _ name: String, _ english: String, _ chinese: String, folded: Bool = true,
        when condition: Condition? = nil, _ fields: [BoardField]
    ) {
        self.name = name
        self.english = english
        self.chinese = chinese
        self.condition = condition
        self.fields = fields
        isFolded = folded
    }

    package var json: JSONValue {
        let when: JSONValue =
            condition.map {
                .object([
                    ("field", .string($0.field)),
                    ("values", .array($0.values.map { .string($0) })),
                ])
            } ?? .null
        return .object([
            ("name", .string(name)), ("en", .string(english)), ("zh", .string(chinese)),
            ("folded", .bool(isFolded)), ("when", when),
            ("fields", .array(fields.map(\.json))),
        ])
    }
}
