import Files
import Generation

/// What an answer has to be (`response_format`).
enum ResponseFormat {
    /// The grammar that a request asks for; `nil` for any text.
    ///
    /// - Throws: ``ServerProblem`` for a format that is not known, or a schema that is not followed.
    static func grammar(_ fields: RequestFields) throws(ServerProblem) -> Grammar? {
        guard let value = fields["response_format"] else { return nil }
        let format = try RequestFields(value)
        switch try format.text("type") {
        case "text":
            try format.refuseUnused()
            return nil
        case "json_object":
            try format.refuseUnused()
            return JSONGrammar.anyObject
        case "json_schema":
            guard let described = format["json_schema"] else {
                throw fields.problem("response_format", value, "json_schema: {name, schema}")
            }
            try format.refuseUnused()
            let inner = try RequestFields(described)
            guard let schema = inner["schema"] else {
                throw fields.problem("response_format", described, "a schema in json_schema")
            }
            // Every schema is followed to the letter, strict or not.
            try inner.refuseUnused([
                "name": .always, "description": .always, "strict": .always,
            ])
            return try grammar(
                of: [SchemaGrammar.Part(before: "", schema: schema, after: "")], "response_format")
        default:
            throw fields.problem(
                "response_format", format["type"], "type text, json_object or json_schema")
        }
    }

    /// The grammar of texts around schemas that stand in a field.
    static func grammar(
        of parts: [SchemaGrammar.Part], _ field: String
    ) throws(ServerProblem) -> Grammar {
        do {
            return try SchemaGrammar.grammar(ofAny: parts)
        } catch {
            let place = error.place.isEmpty ? "the schema" : error.place
            throw .invalid(
                "\(field): \(place): found \(error.found), expected \(error.expected)",
                param: field, code: "unsupported_schema")
        }
    }
}
