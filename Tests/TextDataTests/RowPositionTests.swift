import Datasets
import Files
import TestSupport
import Testing

/// How messages say where a row begins: by its line, or by its number in a list whose rows share lines.
@Suite struct RowPositionTests {
    private let folder = TestFolder()

    /// Where the rows begin, and the message where they end with one.
    private func positions(_ text: String, _ name: String = "d.json") -> [String] {
        let path = folder.write(name, text)
        var found: [String] = []
        do {
            let file = try RowFile(path, limit: RecordLimit(bytes: 1000))
            var places = try file.places()
            while let place = try places.next() { found.append("\(place.position)") }
        } catch {
            found.append("\(error)".replacing(path + ": ", with: ""))
        }
        return found
    }

    @Test(arguments: ["[{}, {}, {}]", "\n[{}, {},\n{}]", "[\n{},\n\n{}, {}]", "[{\n}, {}, {}]"])
    func rowsOfAListAreCountedWhereSomeShareALine(_ text: String) {
        #expect(positions(text) == ["row 1", "row 2", "row 3"])
    }

    @Test func rowsOnLinesOfTheirOwnAreNamedByThem() {
        #expect(positions("[{}]") == ["line 1"])
        #expect(positions("[\n  {\n  },\n  {\n  }\n]") == ["line 2", "line 4"])
        #expect(positions("[{\n}, {\n}]") == ["line 1", "line 2"])
    }

    @Test func onlyAListCountsItsRows() {
        #expect(positions("{} {}\n{}") == ["line 1", "line 1", "line 2"])
        #expect(positions("{} {}\n{}", "d.jsonl") == ["line 1", "line 1", "line 2"])
        #expect(positions("a\n1\n2\n", "d.csv") == ["line 2", "line 3"])
    }

    /// The first rows decide for all.
    @Test func aListIsCountedInOneWay() {
        let lines = Array(repeating: "{}", count: 64).joined(separator: ",\n")
        #expect(positions("[\(lines), {}]").suffix(2) == ["line 64", "line 64"])
        #expect(positions("[{}, \(lines)]").suffix(2) == ["row 64", "row 65"])
    }

    @Test func rowsWithinAnObjectAreCountedAsThoseOfAList() {
        #expect(positions(#"{"data": [{"a": 1}, {"a": 2}]}"#) == ["row 1", "row 2"])
        #expect(
            positions("{\"data\": [\n{\"a\": 1},\n{\"a\": 2}]}") == ["line 2", "line 3"])
        let squad = ##"""
            {"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "1"}, {"id": "2"}]}, #
            {"context": "d", "qas": [{"id": "3"}]}]}, {"paragraphs": [{"context": "e", "qas": #
            [{"id": "4"}]}]}]}
            """##
        let oneLine = squad.replacing("#\n", with: "")
        #expect(positions(oneLine) == ["row 1", "row 2", "row 3", "row 4"])
        let lines = oneLine.replacing(#"{"id""#, with: "\n{\"id\"")
        #expect(positions(lines) == ["line 2", "line 3", "line 4", "line 5"])
        #expect(positions(String(oneLine.dropLast(6))) == ["after row 4: expected ',' or ']'"])
        #expect(
            positions(String(oneLine.dropLast(7))) == ["after row 3: expected the end of a value"])
    }

    @Test func aRowThatIsTooLargeIsNamedByItsNumber() {
        let large = "{\"a\": \"\(String(repeating: "x", count: 1000))\"}"
        let list = positions("[{}, \(large)]")
        #expect(list.count == 2 && list[1].hasPrefix("row 2: a row of 1009 bytes found"))
        let wrapped = positions("{\"data\": [{}, {}, \(large)]}")
        #expect(wrapped.count == 1 && wrapped[0].hasPrefix("row 3: a row of 1009 bytes found"))
    }

    @Test(arguments: [
        ("[{}, {} {}]", "after row 2: expected \",\" or \"]\" after a row; the list is damaged"),
        ("[{}, {}", "after row 2: expected \",\" or \"]\" after a row; the file is cut off"),
        ("[{}, {},", "after row 2: the list is cut off"),
        ("[{}, {}] x", "after row 2: text after the list's end"),
    ])
    func damageIsNamedByTheRowBeforeIt(_ text: String, _ problem: String) {
        #expect(positions(text).last == problem)
    }

    @Test func aBracketTooManyIsNamedByTheRowInItsPlace() {
        let found = positions("[{}, {}, }]").last
        #expect(found?.hasPrefix("row 3: found '}', expected an object") == true)
    }
}
