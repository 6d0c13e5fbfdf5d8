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
}
