import Files
import Testing

/// Expected texts are those of Python 3.12's `json.dumps`.
@Suite struct JSONWriterTests {
    private let value: JSONValue = .object([
        ("b", .array([.int(1), .object([]), .array([])])),
        ("a", .string("\u{1}\u{8}\t\n\u{C}\r\"\\/\u{7F}é🙂")), ("é", .null),
    ])

    @Test func aLineIsWhatJSONDumpsWritesWithoutEscapingLetters() {
        #expect(
            value.text()
                == #"{"b": [1, {}, []], "a": "\u0001\b\t\n\f\r\"\\/"# + "\u{7F}é🙂"
                + #"", "é": null}"#)
    }

    @Test func lettersBecomeEscapesOnDemand() {
        var writer = JSONWriter()
        writer.escapesLetters = true
        #expect(
            writer.text(of: value)
                == #"{"b": [1, {}, []], "a": "\u0001\b\t\n\f\r\"\\/\u007f\u00e9\ud83d\ude42""#
                + #", "\u00e9": null}"#)
    }

    @Test func levelsAreIndentedAndKeysSorted() {
        #expect(
            JSONValue.object([("b", .array([.int(1), .array([])])), ("B", .object([]))])
                .text(indent: 2, sortsKeys: true)
                == "{\n  \"B\": {},\n  \"b\": [\n    1,\n    []\n  ]\n}")
    }

    @Test func separatorsAndIndentsMayBeAnyText() {
        var writer = JSONWriter()
        writer.itemSeparator = ";"
        writer.keySeparator = "="
        writer.indent = "\t"
        #expect(
            writer.text(of: .object([("a", .int(1)), ("b", .bool(true))]))
                == "{\n\t\"a\"=1;\n\t\"b\"=true\n}")
    }

    @Test func anotherValueTakesThePlaceOfTheLastOrComesAtTheEnd() {
        let value = JSONValue.object([("a", .int(1)), ("b", .int(2)), ("a", .int(3))])
        #expect(value.setting("a", to: .null).text() == #"{"a": 1, "b": 2, "a": null}"#)
        #expect(value.setting("c", to: .null).text() == #"{"a": 1, "b": 2, "a": 3, "c": null}"#)
    }
}
