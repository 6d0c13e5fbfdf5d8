import Files
import Generation
import Testing

@Suite struct GrammarTests {
    private func follows(_ grammar: Grammar, _ text: String) -> Bool {
        let machine = GrammarMachine(grammar)
        return machine.isComplete(text.utf8.reduce(machine.start) { machine.next($0, $1) })
    }

    private func schema(_ text: String) throws -> Grammar {
        try SchemaGrammar.grammar(of: try JSONValueReader.read(text))
    }

    @Test(arguments: [
        "{}", #"{"a": 1}"#, #"{"a":[1,2.5,-3e-7,{"b":"ü😀\u00e9\n"}],"c":null,"d":true}"#,
        "{\n  \"a\": -0.5,\n  \"b\": []\n}", #"{"": {"": {}}}"#,
    ])
    func objectsAreAllowed(text: String) {
        let isAllowed = follows(JSONGrammar.anyObject, text)
        #expect(isAllowed)
    }

    @Test(arguments: [
        "", "[]", "1", "{a:1}", #"{"a":01}"#, #"{"a":1,}"#, "{\"a\":\"\u{1}\"}", #"{"a":1}x"#,
        #"{"a" 1}"#, #"{"a":+1}"#, #"{"a":1."#, #"{"a":"\x"}"#, #"{"a":"\ud800"}"#, #"{"a":tru}"#,
    ])
    func whatIsNoObjectIsNot(text: String) {
        let isAllowed = follows(JSONGrammar.anyObject, text)
        #expect(!isAllowed)
    }

    // Bytes that are no UTF-8: a lone continuation, an overlong form, half of a pair, beyond the last.
    @Test(
        arguments: [[0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]]
    )
    func brokenCharactersAreNotAllowed(bytes: [UInt8]) {
        let machine = GrammarMachine(JSONGrammar.anyObject)
        let before = #"{"a":""#.utf8.reduce(machine.start) { machine.next($0, $1) }
        #expect(bytes.reduce(before) { machine.next($0, $1) } == GrammarMachine.dead)
        #expect("é".utf8.reduce(before) { machine.next($0, $1) } != GrammarMachine.dead)
    }

    static let person = """
        {"type": "object", "title": "Person", "additionalProperties": false, "required": ["age"],
         "properties": {
           "name": {"type": "string", "minLength": 1, "maxLength": 3},
           "age": {"type": "integer"},
           "tags": {"type": "array", "items": {"enum": ["x", 1, null]}, "minItems": 1, "maxItems": 2},
           "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
           "born": {"type": "string", "format": "date"},
           "kind": {"const": "p\\"q"}, "size": {"type": ["number", "boolean"]}
         }}
        """

    @Test(arguments: [
        #"{"age": 3}"#, #"{"name": "é😀a", "age": -3}"#, #"{"age":3, "tags":["x",1]}"#,
        #"{"age":1,"next":{"age":2,"next":null}}"#, #"{"age":1,"born":"2026-11-29"}"#,
        #"{"age":1,"kind":"p\"q","size":1.5}"#, #"{"age":1,"size":false}"#, "{\n \"age\": 0\n}",
    ])
    func whatASchemaDescribesIsAllowed(text: String) throws {
        let isAllowed = try follows(schema(Self.person), text)
        #expect(isAllowed)
    }

    @Test(arguments: [
        "{}", #"{"name": "abcd", "age": 3}"#, #"{"name": "", "age": 3}"#, #"{"age": 3.0}"#,
        #"{"age":3,"tags":[]}"#, #"{"age":3,"tags":["x","x","x"]}"#, #"{"age":3,"tags":["y"]}"#,
        #"{"age":1,"other":2}"#, #"{"age":1,"next":{}}"#, #"{"age":1,"born":"2026-13-29"}"#,
        #"{"age":1,"born":"2026-02-29"}"#, #"{"age":1,"born":"2026-11-31"}"#,
        #"{"age":1,"kind":"pq"}"#, #"{"age":"1"}"#, #"{,"age":1}"#, #"{"age":1,"age":1}"#,
    ])
    func whatItDoesNotDescribeIsNot(text: String) throws {
        let isAllowed = try follows(schema(Self.person), text)
        #expect(!isAllowed)
    }

    @Test func smallSchemasAreFollowed() throws {
        for (text, allowed, refused) in [
            ("{}", ["1", "[]", #""a""#], ["", "a"]), ("true", ["null"], ["x"]),
            (#"{"type": "object", "additionalProperties": false}"#, ["{}"], [#"{"a":1}"#]),
            (
                #"{"additionalProperties": {"type": "integer"}}"#, ["{}", #"{"a":1,"b":2}"#],
                [#"{"a":"b"}"#, "[]"]
            ),
            (#"{"items": {"type": "null"}}"#, ["[]", "[null, null]"], ["[1]", "null"]),
            (#"{"type": "array", "maxItems": 0}"#, ["[]"], ["[1]"]),
            (#"{"type": "array", "minItems": 2}"#, ["[1,2]", "[1,2,3]"], ["[]", "[1]"]),
            (#"{"allOf": [{"type": "boolean"}]}"#, ["true"], ["1"]),
            (
                ##"{"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}"##, ["null"], ["1"]
            ),
            (
                #"{"type": "string", "format": "uuid"}"#,
                [#""123e4567-e89b-12d3-a456-426614174000""#], [#""123""#]
            ),
            (
                #"{"type": "string", "format": "date-time"}"#,
                [#""2026-01-02T03:04:05Z""#, #""2026-01-02T03:04:05.5+01:00""#],
                [#""2026-01-02""#]
            ),
            (#"{"required": ["a", "a"], "type": "object"}"#, [#"{"a":1}"#], [#"{"a":1,"a":1}"#]),
        ] {
            let grammar = try schema(text)
            // Told by name: a grammar that is printed takes minutes.
            let missing = allowed.filter { !follows(grammar, $0) }
            let wrong = refused.filter { follows(grammar, $0) }
            #expect(missing.isEmpty && wrong.isEmpty, "\(text)")
        }
    }

    // Types of values as JSON Schema has them: a number without a fraction is an integer.
    @Test func listedValuesAreOfTheTypeBesideThem() throws {
        for (text, allowed, refused) in [
            (#"{"type": "string", "enum": [1, "b", null]}"#, [#""b""#], ["1", "null"]),
            (#"{"enum": [1, "b", null]}"#, ["1", #""b""#, "null"], []),
            (
                #"{"type": ["null", "integer"], "enum": [1, 2.0, 2.5, "1", true, null]}"#,
                ["1", "2.0", "null"], ["2.5", #""1""#, "true"]
            ),
            (#"{"type": "number", "enum": [1, 2.5, "1"]}"#, ["1", "2.5"], [#""1""#]),
            (#"{"type": ["array", "boolean"], "enum": [[], {}, false]}"#, ["[]", "false"], ["{}"]),
            (#"{"type": "object", "const": {}}"#, ["{}"], ["[]"]),
        ] {
            let grammar = try schema(text)
            let missing = allowed.filter { !follows(grammar, $0) }
            let wrong = refused.filter { follows(grammar, $0) }
            #expect(missing.isEmpty && wrong.isEmpty, "\(text)")
        }
    }

    @Test(arguments: [
        (#"{"properties": {"a": {"type": "string", "enum": [1, null]}}}"#, "properties.a.enum"),
        (#"{"type": "integer", "const": 1.5}"#, "const"),
        (#"{"type": "integer", "const": true}"#, "const"),
        (#"{"type": "text", "enum": ["a"]}"#, "type"),
        (#"{"type": ["string", 3]}"#, "type"), (#"{"type": [], "properties": {}}"#, "type"),
        (#"{"type": 5, "properties": {"a": true}}"#, "type"),
        (#"{"type": "object", "required": true}"#, "required"),
        (#"{"properties": {"a": true}, "required": ["a", 1]}"#, "required"),
        (#"{"type": "object", "properties": ["a"]}"#, "properties"), (#"{"anyOf": []}"#, "anyOf"),
        (#"{"type": "string", "pattern": "a+"}"#, "pattern"),
        (#"{"properties": {"a": {"type": "integer", "minimum": 1}}}"#, "properties.a.minimum"),
        (#"{"type": "thing"}"#, "type"), (#"{"type": 1}"#, "type"), (##"{"$ref": "#/x"}"##, "$ref"),
        (#"{"$ref": "http://x"}"#, "$ref"), (#"{"oneOf": [true, true]}"#, "oneOf"),
        (#"{"not": {}}"#, "not"), (#"{"enum": []}"#, "enum"), ("false", ""), ("1", ""),
        (#"{"type": "string", "format": "email"}"#, "format"),
        (#"{"type": "string", "maxLength": 1e9}"#, "maxLength"),
        (#"{"type": "object", "required": ["a"], "additionalProperties": false}"#, "required"),
        (#"{"type": "array", "minItems": 3, "maxItems": 2}"#, ""),
    ])
    func whatIsNotFollowedIsRefusedByName(text: String, place: String) {
        let problem = #expect(throws: SchemaProblem.self) { try schema(text) }
        #expect(problem?.place == place, "\(text): \(String(describing: problem))")
    }

    // A definition that is nothing but itself allows no text, and is no endless loop.
    @Test func aDefinitionOfItselfAllowsNothing() throws {
        let grammar = try schema(##"{"$ref": "#"}"##)
        let machine = GrammarMachine(grammar)
        #expect(!machine.isComplete(machine.start) && !machine.goesOn(machine.start))
    }

    @Test func tokensAreFoundAsByTryingEach() throws {
        let texts = [
            "", "{", "{\"", "\"a", "ge", "\":", " ", "1", "12", "}", "}}", "]", "\"", "x",
            "age\": 1}",
            "\u{e9}", "{}", "tags", "\"tags\":[", "\"x\"", ",", ", ",
        ].map { Array($0.utf8) }
        let machine = GrammarMachine(try schema(Self.person))
        let table = TokenTable(texts)
        for before in ["", "{", "{\"age\": 1", "{\"name\": \"a", "{\"age\":1,\"tags\":["] {
            let state = before.utf8.reduce(machine.start) { machine.next($0, $1) }
            let expected = texts.indices.filter { index in
                !texts[index].isEmpty
                    && texts[index].reduce(state) { machine.next($0, $1) } != GrammarMachine.dead
            }
            #expect(Set(table.allowed(machine, state)) == Set(expected.map { Int32($0) }))
            #expect(!expected.isEmpty, "\(before)")
        }
    }
}
