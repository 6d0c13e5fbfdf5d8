import Files
import Testing

@Suite struct JSONValueReaderTests {
    @Test func keysThatUnicodeCallsEquivalentAreDifferent() throws {
        let value = try JSONValueReader.read("{\"\u{E9}\": 1, \"e\u{301}\": 2}")
        #expect(value.members?.count == 2)
        #expect(value["\u{E9}"]?.integer == 1)
        #expect(value["e\u{301}"]?.integer == 2)
    }

    @Test func ofARepeatedKeyTheFirstPlaceAndTheLastValueCount() throws {
        for others in [2, 40] {
            let more = (0..<others).map { "\"k\($0)\": \($0)" }.joined(separator: ", ")
            let value = try JSONValueReader.read("{\"a\": 1, \(more), \"a\": 2, \"k1\": 7}")
            #expect(value.members?.count == others + 1)
            #expect(value.members?.first?.value.integer == 2)
            #expect(value["k1"]?.integer == 7)
        }
    }

    @Test func anObjectOfManyKeysIsRead() throws {
        let text = "{" + (0..<200_000).map { "\"k\($0)\": 0" }.joined(separator: ",") + "}"
        #expect(try JSONValueReader.read(text).members?.count == 200_000)
    }

    // MARK: as written

    private func asWritten(_ text: String) throws -> JSONValue {
        try JSONValueReader.value(of: Array(text.utf8)[...], .asWritten)
    }

    @Test func asWrittenEveryMemberAndEveryDigitStays() throws {
        let text = #"{"a": 1.50, "b": -0.0, "a": 1e3, "c": 12345678901234567890123}"#
        #expect(try asWritten(text).text() == text)
        #expect(try asWritten(text)["a"]?.double == 1000)
        #expect(
            try JSONValueReader.read(text).text()
                == #"{"a": 1000.0, "b": -0.0, "c": 12345678901234567890123}"#)
    }

    @Test(arguments: ["NaN", "Infinity", "-Infinity", "[1, NaN]"])
    func whatIsNoNumberIsReadAsPythonDoesOnly(text: String) throws {
        #expect(try JSONValueReader.read(text).text() == text)
        #expect(throws: JSONScanner.Mistake.self) { try asWritten(text) }
    }

    @Test func aMistakeNamesItsPlace() {
        do {
            _ = try asWritten(#"{"a": [1, ]}"#)
            Issue.record("read")
        } catch {
            #expect((error as? JSONScanner.Mistake)?.offset == 10)
            #expect((error as? JSONScanner.Mistake)?.expected == "a value")
        }
    }

    @Test func levelsHaveALimitInEitherDialect() throws {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(throws: Never.self) { try asWritten(nested(128)) }
        #expect(throws: JSONScanner.Mistake.self) { try asWritten(nested(129)) }
        #expect(throws: Never.self) { try JSONValueReader.read(nested(256)) }
        #expect(throws: JSONProblem.self) { try JSONValueReader.read(nested(257)) }
    }
}
