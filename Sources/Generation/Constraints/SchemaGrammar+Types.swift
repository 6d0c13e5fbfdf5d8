import Files

// What a schema says of the types of its values, and of the names of its properties.
extension SchemaGrammar {
    private static let typeNames: Set = [
        "string", "number", "integer", "boolean", "null", "object", "array",
    ]

    /// The types that a schema allows, of which it may list several; `nil` where it names none.
    ///
    /// - Throws: ``SchemaProblem`` for what is no type.
    static func types(
        of schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> [String]? {
        guard let value = schema.member("type") else { return nil }
        let list = value.array ?? [value]
        let names = list.compactMap(\.string)
        guard !list.isEmpty, names.count == list.count, Set(names).isSubset(of: typeNames) else {
            let wrong = list.first { !typeNames.contains($0.string ?? "") } ?? value
            throw SchemaProblem(
                place: join(place, "type"), found: wrong.string ?? wrong.kind,
                expected:
                    "string, number, integer, boolean, null, object or array, or a list of them")
        }
        return names
    }

    /// Those of a schema's listed values that are of the types beside them.
    ///
    /// - Parameter key: what lists them, `enum` or `const`.
    /// - Throws: ``SchemaProblem`` where that leaves none.
    static func values(
        _ values: [JSONValue], under key: String, of schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> [JSONValue] {
        guard let types = try types(of: schema, place) else { return values }
        let fitting = values.filter { value in types.contains { isOf($0, value) } }
        guard !fitting.isEmpty else {
            throw SchemaProblem(
                place: join(place, key), found: values.map(\.kind).joined(separator: ", "),
                expected: "a value of the type beside it: \(types.joined(separator: ", "))")
        }
        return fitting
    }

    /// Whether a value is of a type. An integer is any number without a fraction, 1.0 as well.
    ///
    /// Source: JSON Schema, draft 2020-12, validation 6.1.1.
    private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
        switch value {
        case .null: type == "null"
        case .bool: type == "boolean"
        case .number:
            switch (type, value.double ?? .nan) {
            case ("number", let number): number.isFinite
            case ("integer", let number): number.isFinite && number == number.rounded()
            default: false
            }
        case .string: type == "string"
        case .array: type == "array"
        case .object: type == "object"
        }
    }

    /// The properties of an object's schema and the names of those that have to be there, each once.
    ///
    /// - Throws: ``SchemaProblem`` where either is something else.
    static func properties(
        of schema: JSONValue, _ place: String
    ) throws(SchemaProblem) -> (all: [JSONValue.Member], required: [String]) {
        let (properties, required) = (schema["properties"], schema["required"])
        guard let members = properties.map(\.members) ?? [] else {
            throw SchemaProblem(
                place: join(place, "properties"), found: properties?.kind ?? "nothing",
                expected: "an object with a schema for each name")
        }
        var names: [String] = []
        for value in required.map({ $0.array ?? [.null] }) ?? [] {
            guard let name = value.string else {
                throw SchemaProblem(
                    place: join(place, "required"), found: required?.kind ?? "nothing",
                    expected: "a list of names of properties")
            }
            if !names.contains(name) { names.append(name) }
        }
        return (members, names)
    }
}
