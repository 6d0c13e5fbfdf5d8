package import Files

/// A JSON schema, as an OpenAPI document has them. Source: JSON Schema 2020-12.
package struct Schema: Sendable {
    package let json: JSONValue

    private init(_ members: [JSONValue.Member]) { json = .object(members) }

    private init(_ type: String, _ more: [JSONValue.Member] = []) {
        self.init([("type", .string(type))] + more)
    }

    /// Anything.
    static var any: Schema { Schema([]) }
    static var boolean: Schema { Schema("boolean") }

    static func text(most: Int? = nil) -> Schema {
        Schema("string", most.map { [("maxLength", .int($0))] } ?? [])
    }

    /// One of some words.
    static func word(_ words: String...) -> Schema {
        Schema("string", [("enum", .array(words.map { .string($0) }))])
    }

    static func integer(_ range: ClosedRange<Int>) -> Schema {
        var bounds: [JSONValue.Member] = []
        if range.lowerBound > Int.min { bounds.append(("minimum", .int(range.lowerBound))) }
        if range.upperBound < Int.max { bounds.append(("maximum", .int(range.upperBound))) }
        return Schema("integer", bounds)
    }

    static var count: Schema { integer(0...Int.max) }

    static var number: Schema { Schema("number") }

    static func number(_ range: ClosedRange<Double>, isAbove: Bool = false) -> Schema {
        Schema(
            "number",
            [
                (isAbove ? "exclusiveMinimum" : "minimum", .double(range.lowerBound)),
                ("maximum", .double(range.upperBound)),
            ])
    }

    /// A list of so many.
    static func list(_ entry: Schema, _ range: ClosedRange<Int> = 0...Int.max) -> Schema {
        var bounds: [JSONValue.Member] = []
        if range.lowerBound > 0 { bounds.append(("minItems", .int(range.lowerBound))) }
        if range.upperBound < Int.max { bounds.append(("maxItems", .int(range.upperBound))) }
        return Schema("array", [("items", entry.json)] + bounds)
    }

    /// An object whose members are all named; others may only be null, which says nothing.
    static func object(
        _ properties: [(String, Schema)], required: [String] = []
    ) -> Schema {
        Schema(
            "object",
            [
                ("properties", .object(properties.map { ($0.0, $0.1.json) })),
                ("required", .array(required.map { .string($0) })),
                ("additionalProperties", Schema("null").json),
            ])
    }

    /// An object that may have further members.
    static func openObject(
        _ properties: [(String, Schema)] = [], required: [String] = []
    ) -> Schema {
        Schema(
            "object",
            [
                ("properties", .object(properties.map { ($0.0, $0.1.json) })),
                ("required", .array(required.map { .string($0) })),
            ])
    }

    /// An object of members with any name that matches a pattern, all alike.
    static func map(_ names: String, _ value: Schema) -> Schema {
        Schema(
            "object",
            [
                ("propertyNames", .object([("pattern", .string(names))])),
                ("additionalProperties", value.json),
            ])
    }

    static func either(_ schemas: Schema...) -> Schema {
        Schema([("anyOf", .array(schemas.map(\.json)))])
    }

    /// One of the document's own.
    static func named(_ name: String) -> Schema {
        Schema([("$ref", .string("#/components/schemas/" + name))])
    }

    /// The same or null, which says nothing.
    var orNull: Schema { .either(self, Schema("null")) }

    /// The same with a sentence about it.
    func about(_ sentence: String) -> Schema {
        Schema((json.members ?? []) + [("description", .string(sentence))])
    }
}
