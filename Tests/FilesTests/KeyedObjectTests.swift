import Files
import Testing

@Suite struct KeyedObjectTests {
    private func object(_ text: String) throws -> KeyedObject {
        try KeyedObject(JSONValueReader.read(text), file: "config.json")
    }

    @Test func keysThatWereAskedForAreUsed() throws {
        let file = try object(#"{"a": 1, "b": {"c": 2}, "d": null}"#)
        #expect(file["a"]?.integer == 1)
        #expect(try file.object("b")?["c"]?.integer == 2)
        try file.refuseUnused(harmless: [:])
    }

    @Test func theFirstUnusedKeyIsNamedWithItsPath() throws {
        let file = try object(#"{"a": 1, "b": {"c": 2, "e": true}}"#)
        _ = file["a"]
        _ = try file.object("b")?["c"]
        #expect(
            throws: UnusedKey(file: "config.json", key: "b.e", found: "true", supported: nil)
        ) { try file.refuseUnused(harmless: [:]) }
    }

    @Test func anObjectThatNobodyOpenedIsOneUnusedKey() throws {
        let file = try object(#"{"b": {"c": 2}}"#)
        #expect(throws: UnusedKey.self) { try file.refuseUnused(harmless: [:]) }
        try file.refuseUnused(harmless: ["b": .always])
    }

    @Test func harmlessValuesAreComparedAsNumbers() throws {
        let file = try object(#"{"pretraining_tp": 1.0, "flags": [true, 2]}"#)
        try file.refuseUnused(harmless: [
            "pretraining_tp": .at([.int(1)]),
            "flags": .at([.array([.bool(true), .number("2.0")])]),
        ])
        #expect(
            throws: UnusedKey(
                file: "config.json", key: "pretraining_tp", found: "1.0", supported: "2 or 3")
        ) {
            try file.refuseUnused(harmless: ["pretraining_tp": .at([.int(2), .int(3)])])
        }
    }

    @Test func aRuleForAPathComesBeforeTheOneForAName() throws {
        let file = try object(#"{"b": {"c": 2}}"#)
        _ = try file.object("b")?["other"]
        try file.refuseUnused(harmless: ["c": .at([.int(1)]), "b.c": .at([.int(2)])])
    }

    @Test func replacedValuesShareWhatWasAskedFor() throws {
        let file = try object(#"{"a": 1}"#)
        #expect(file.replacing([(key: "a", value: .int(3))])["a"]?.integer == 3)
        try file.refuseUnused(harmless: [:])
    }
}
