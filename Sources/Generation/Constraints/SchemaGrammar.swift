package import Files

/// Why a JSON schema is not followed.
package struct SchemaProblem: Error, Equatable {
    /// Where in the schema, as `properties.age.pattern`; empty for all of it.
    package let place: String
    package let found: String
    package let expected: String
}

/// The grammar of the JSON texts that a schema describes. Source: JSON Schema, draft 2020-12.
///
/// Every text of the grammar is valid; not every valid text is in it: properties come in the schema's
/// order, none that the schema does not name, and white space is short. What a keyword asks for is
/// followed, or the schema refused.
package struct SchemaGrammar {
    /// A text that has JSON of a schema in it.
    package struct Part: Sendable {
        let before: String
        let schema: JSONValue
        let after: String

        package init(before: String, schema: JSONValue, after: String) {
            self.before = before
            self.schema = schema
            self.after = after
        }
    }

    private var json = JSONGrammar()
    /// The whole schema, which references are looked up in.
    private var schema = JSONValue.null
    /// Rules of definitions that were met, by reference.
    private var definitions: [String: Int] = [:]
    /// Symbols so far of literals and repetitions, which bounds what a schema may cost.
    private var spent = 0

    private typealias Symbols = [Grammar.Symbol]

    /// The grammar of a schema.
    ///
    /// - Throws: as ``grammar(ofAny:)``.
    package static func grammar(of schema: JSONValue) throws(SchemaProblem) -> Grammar {
        try grammar(ofAny: [Part(before: "", schema: schema, after: "")])
    }

    /// The grammar of texts that are one of several.
    ///
    /// - Throws: ``SchemaProblem`` for a keyword that is not supported, or holds the wrong thing.
    package static func grammar(ofAny parts: [Part]) throws(SchemaProblem) -> Grammar {
        var builder = SchemaGrammar()
        var texts: [Symbols] = []
        for part in parts {
            builder.schema = part.schema
            builder.definitions = [:]
            let inner = try builder.symbols(part.schema, "")
            texts.append(Grammar.literal(part.before) + inner + Grammar.literal(part.after))
        }
        let root = try builder.choice(texts, "")
        return builder.json.whole([root])
    }

    private init() {}

    /// Keywords that say nothing about which texts are valid.
    private static let notes: Set = [
        "title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated",
        "readOnly", "writeOnly", "$defs", "definitions", "strict", "name",
    ]
    private static let mostSymbols = 20_000
    private static let mostRepeats = 2_000

    // MARK: Any schema

    private mutating func symbols(
        _ schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        if schema == .bool(true) { return [json.value] }
        guard let members = schema.members else {
            throw SchemaProblem(
                place: place, found: schema.kind, expected: "a schema: an object or true")
        }
        let keys = Set(members.map(\.key)).subtracting(Self.notes)
        func allow(_ allowed: Set<String>) throws(SchemaProblem) {
            for member in members where keys.subtracting(allowed).contains(member.key) {
                throw SchemaProblem(
                    place: Self.join(place, member.key), found: member.value.kind,
                    expected: "no such keyword: it is not supported here")
            }
        }
        if let reference = schema["$ref"] {
            try allow(["$ref"])
            return [.rule(try definition(reference, place))]
        }
        if let values = schema["enum"] {
            try allow(["enum", "type"])
            guard let list = values.array, !list.isEmpty else {
                throw SchemaProblem(
                    place: Self.join(place, "enum"), found: values.kind,
                    expected: "a list of values")
            }
            var texts: [Symbols] = []
            for value in try Self.values(list, under: "enum", of: schema, place) {
                texts.append(try literal(value, place))
            }
            return [try choice(texts, place)]
        }
        if let value = schema.member("const") {
            try allow(["const", "type"])
            _ = try Self.values([value], under: "const", of: schema, place)
            return try literal(value, place)
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            guard let list = schema[key]?.array, !list.isEmpty else { continue }
            try allow([key])
            // One of several is any of them where no two can hold at once, which is not known here.
            guard key == "anyOf" || list.count == 1 else {
                throw SchemaProblem(
                    place: Self.join(place, key), found: "\(list.count) schemas",
                    expected: "anyOf, or a single one")
            }
            var alternatives: [Symbols] = []
            for (index, inner) in list.enumerated() {
                alternatives.append(try symbols(inner, Self.join(place, "\(key)[\(index)]")))
            }
            return [try choice(alternatives, place)]
        }
        return try typed(schema, keys, place)
    }

    /// A schema by its type, or a list of types.
    private mutating func typed(
        _ schema: JSONValue, _ keys: Set<String>, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        var types = try Self.types(of: schema, place) ?? []
        if types.isEmpty {
            if keys.isEmpty { return [json.value] }
            // What is said of properties or items is said of objects or lists.
            if keys.contains("properties") || keys.contains("additionalProperties") {
                types = ["object"]
            } else if keys.contains("items") {
                types = ["array"]
            }
        }
        var allowed: Set = ["type"]
        for type in types { allowed.formUnion(Self.keywords[type] ?? []) }
        for member in schema.members ?? [] where keys.subtracting(allowed).contains(member.key) {
            throw SchemaProblem(
                place: Self.join(place, member.key), found: member.value.kind,
                expected: "no such keyword beside type \(types.joined(separator: ", ")): it is not "
                    + "supported here")
        }
        var alternatives: [Symbols] = []
        for type in types { alternatives.append(try symbols(ofType: type, schema, place)) }
        guard !alternatives.isEmpty else {
            throw SchemaProblem(
                place: Self.join(place, "type"), found: schema["type"]?.kind ?? "nothing",
                expected: "a type")
        }
        return alternatives.count == 1 ? alternatives[0] : [try choice(alternatives, place)]
    }

    private static let keywords: [String: Set<String>] = [
        "object": ["properties", "required", "additionalProperties"],
        "array": ["items", "minItems", "maxItems"],
        "string": ["minLength", "maxLength", "format"],
    ]

    private mutating func symbols(
        ofType type: String, _ schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        switch type {
        case "string": return try string(schema, place)
        case "integer": return json.integer
        case "number": return json.number
        case "boolean":
            return [json.grammar.rule([Grammar.literal("true"), Grammar.literal("false")])]
        case "null": return Grammar.literal("null")
        case "object": return try object(schema, place)
        default: return try array(schema, place)
        }
    }

    // MARK: Parts

    static func join(_ place: String, _ key: String) -> String {
        place.isEmpty ? key : place + "." + key
    }

    private mutating func spend(_ count: Int, _ place: String) throws(SchemaProblem) {
        spent += count
        guard spent <= Self.mostSymbols else {
            throw SchemaProblem(
                place: place, found: "a schema of more than \(Self.mostSymbols) parts",
                expected: "a smaller one")
        }
    }

    private mutating func choice(
        _ alternatives: [Symbols], _ place: String
    ) throws(SchemaProblem) -> Grammar.Symbol {
        try spend(alternatives.reduce(1) { $0 + $1.count }, place)
        return json.grammar.rule(alternatives)
    }

    /// The one text of a value.
    private mutating func literal(
        _ value: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        let text = value.text()
        try spend(text.utf8.count, place)
        return Grammar.literal(text)
    }

    /// The rule of a definition of the schema's own, which may name itself.
    private mutating func definition(
        _ reference: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Int {
        let name = reference.string ?? ""
        if let rule = definitions[name] { return rule }
        var target: JSONValue? = name.hasPrefix("#") ? schema : nil
        for part in name.dropFirst().split(separator: "/") {
            let key = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
            target = target?[key]
        }
        guard let target else {
            throw SchemaProblem(
                place: Self.join(place, "$ref"), found: reference.kind,
                expected: "a definition of this schema, as #/$defs/name")
        }
        let rule = json.grammar.declare()
        definitions[name] = rule
        json.grammar.define(rule, [try symbols(target, name)])
        return rule
    }

    private mutating func string(
        _ schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        let quote = Grammar.literal("\"")
        if let format = schema["format"] {
            guard schema["minLength"] == nil, schema["maxLength"] == nil,
                let inner = StringFormat.symbols(of: format.string ?? "", in: &json.grammar)
            else {
                throw SchemaProblem(
                    place: Self.join(place, "format"), found: format.kind,
                    expected: "date, time, date-time or uuid, without lengths")
            }
            return quote + inner + quote
        }
        let (least, most) = try bounds(schema, "minLength", "maxLength", place)
        if least == 0, most == nil { return json.string }
        try spend(2 * (most ?? least), place)
        return quote + json.grammar.times([json.character], least, most) + quote
    }

    private func bounds(
        _ schema: JSONValue, _ least: String, _ most: String, _ place: String
    ) throws(SchemaProblem) -> (least: Int, most: Int?) {
        var found: [Int?] = []
        for key in [least, most] {
            guard let value = schema[key] else {
                found.append(nil)
                continue
            }
            guard let number = value.integer, (0...Self.mostRepeats).contains(number) else {
                throw SchemaProblem(
                    place: Self.join(place, key), found: value.kind,
                    expected: "a number from 0 to \(Self.mostRepeats)")
            }
            found.append(number)
        }
        if let most = found[1], most < found[0] ?? 0 {
            throw SchemaProblem(
                place: place, found: "\(found[0] ?? 0) to \(most)", expected: "a range")
        }
        return (found[0] ?? 0, found[1])
    }

    private mutating func array(
        _ schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        let item = try schema.member("items").map { items throws(SchemaProblem) in
            try symbols(items, Self.join(place, "items"))
        }
        let (least, most) = try bounds(schema, "minItems", "maxItems", place)
        if item == nil, least == 0, most == nil { return [json.array] }
        let one = try choice([item ?? [json.value]], place)
        let (open, close) = (Grammar.literal("[") + [json.space], Grammar.literal("]"))
        let more = Grammar.literal(",") + [json.space, one, json.space]
        try spend(8 * (most ?? least), place)
        var alternatives: [Symbols] = least == 0 ? [open + close] : []
        if most ?? 1 > 0 {
            let rest = json.grammar.times(more, max(0, least - 1), most.map { $0 - 1 })
            alternatives.append(open + [one, json.space] + rest + close)
        }
        return [try choice(alternatives, place)]
    }

    private mutating func object(
        _ schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        let (properties, required) = try Self.properties(of: schema, place)
        let further = schema.member("additionalProperties") ?? .bool(true)
        guard !properties.isEmpty || !required.isEmpty else {
            if further == .bool(true) { return [json.object] }
            let empty = Grammar.literal("{") + [json.space] + Grammar.literal("}")
            if further == .bool(false) { return empty }
            let value = try symbols(further, Self.join(place, "additionalProperties"))
            let member = json.string + [json.space] + Grammar.literal(":") + [json.space] + value
            return [JSONGrammar.list("{", [member], "}", json.space, &json.grammar)]
        }
        var members: [(symbols: Symbols, isRequired: Bool)] = []
        for property in properties {
            let inner = Self.join(place, "properties.\(property.key)")
            let value = try symbols(property.value, inner)
            members.append(
                (
                    try member(property.key, value, place),
                    required.contains { $0 == property.key }
                ))
        }
        for key in required where !properties.contains(where: { $0.key == key }) {
            guard further != .bool(false) else {
                throw SchemaProblem(
                    place: Self.join(place, "required"), found: "'\(key)'",
                    expected: "names of properties, where additionalProperties is false")
            }
            let value = try symbols(further, Self.join(place, "additionalProperties"))
            members.append((try member(key, value, place), true))
        }
        return Grammar.literal("{") + [json.space, try sequence(members, place)]
            + Grammar.literal("}")
    }

    private mutating func member(
        _ key: String, _ value: Symbols, _ place: String
    ) throws(SchemaProblem) -> Symbols {
        let name = JSONValue.string(key).text()
        try spend(name.utf8.count + 8, place)
        return Grammar.literal(name) + [json.space] + Grammar.literal(":") + [json.space]
            + [json.grammar.rule([value])] + [json.space]
    }

    /// Members in order, those that are not required left out at will: for each place one rule for what
    /// follows where nothing was written yet, and one where a comma is due.
    private mutating func sequence(
        _ members: [(symbols: Symbols, isRequired: Bool)], _ place: String
    ) throws(SchemaProblem) -> Grammar.Symbol {
        let comma = Grammar.literal(",") + [json.space]
        var (first, next) = (json.grammar.rule([[]]), json.grammar.rule([[]]))
        for (symbols, isRequired) in members.reversed() {
            try spend(2 * symbols.count + 4, place)
            let skips: (first: [Symbols], next: [Symbols]) =
                isRequired ? ([], []) : ([[first]], [[next]])
            let written = json.grammar.rule([symbols])
            first = json.grammar.rule([[written, next]] + skips.first)
            next = json.grammar.rule([comma + [written, next]] + skips.next)
        }
        return first
    }
}
