import Datasets
import Templates
import TestSupport
import Testing

/// Rows of CSV and TSV as `datasets` reads them, by pandas: rows are those of pandas 3.1.1,
/// `read_csv(dtype=str)`, written as JSON; damage is named where pandas raises an error.
@Suite struct SeparatedFieldsTests {
    private let folder = TestFolder()

    private func rows(_ bytes: [UInt8], _ name: String = "d.csv") -> [String] {
        let path = folder.write(name, bytes)
        var rows: [String] = []
        do throws(ConversationError) {
            let file = try RowFile(path)
            var places = try file.places()
            while let place = try places.next() {
                do throws(RowProblem) {
                    rows.append(try file.row(at: place).text())
                } catch {
                    rows.append("\(place.position): \(error.found) | \(error.expected)")
                }
            }
        } catch {
            rows.append("\(error)".replacing(path + ": ", with: ""))
        }
        return rows
    }

    @Test(arguments: [
        // A mark within a field that is not quoted is a character, and quotes nothing.
        ("q,a 5\" nail\nr,x\n", [#"{"a": "q", "b": "a 5\" nail"}"#, #"{"a": "r", "b": "x"}"#]),
        ("x\",y\n \"x,2\n", [#"{"a": "x\"", "b": "y"}"#, #"{"a": " \"x", "b": "2"}"#]),
        ("x\"\"y,\"\"\"\"\n", [#"{"a": "x\"\"y", "b": "\""}"#]),
        // What follows the closing mark is plain text up to the separator.
        ("\"x\"y\"z\",2\n", [#"{"a": "xy\"z\"", "b": "2"}"#]),
        ("\"x\"y,\"z,2\"\n", [#"{"a": "xy", "b": "z,2"}"#]),
        ("\"x\" y\",3\n\"z\",1\n", [#"{"a": "x y\"", "b": "3"}"#, #"{"a": "z", "b": "1"}"#]),
        // Within quotation marks: doubled marks, separators, line breaks.
        ("\"He said \"\"no\"\"\",1\n", [#"{"a": "He said \"no\"", "b": "1"}"#]),
        ("\"\"\"x\"\"\",\"\"\n", [#"{"a": "\"x\"", "b": null}"#]),
        ("\"x\ny,\",\"1\"\r\nz,2", [#"{"a": "x\ny,", "b": "1"}"#, #"{"a": "z", "b": "2"}"#]),
    ])
    func marksQuoteAFieldThatBeginsWithOne(_ text: String, _ expected: [String]) {
        #expect(rows(Array("a,b\n\(text)".utf8)) == expected)
        // As in CSV, with a tab for each separator and each comma within a text.
        let tabs = "a,b\n\(text)".replacing(",", with: "\t")
        let inTexts = expected.map {
            $0.replacing("y,\"", with: "y\\t\"").replacing("z,2", with: "z\\t2")
        }
        #expect(rows(Array(tabs.utf8), "d.tsv") == inTexts)
    }

    /// pandas: "EOF inside string starting at row"; of a record over several lines, the field's.
    @Test(arguments: [
        ("a,b\n1,2\n\"x,2\ny,3\n", 3, 1), ("a,b\n\"x\n\ny\",\"z\n", 4, 0), ("a,\"b\n1,2\n", 1, 0),
        ("a,b\n1,\"", 2, 0), ("a,b\n1,\"x\"\"", 2, 0),
    ])
    func aFieldThatTheFileCutsOffIsNamedByItsLine(_ text: String, _ line: Int, _ before: Int) {
        for (name, text) in [("d.csv", text), ("d.tsv", text.replacing(",", with: "\t"))] {
            let found = rows(Array(text.utf8), name)
            #expect(found.count == before + 1)
            #expect(
                found.last
                    == "line \(line): found a quoted field without its closing quotation mark, "
                    + "expected one before the end of the file; close it, or write a field that "
                    + "begins with a mark as \"\"\"…\"")
        }
    }

    @Test func aFieldThatIsNoUTF8IsAWrongRow() {
        // é and ü of Latin-1; JSON rows have the same problem.
        let wrong = "bytes that are no UTF-8 | UTF-8 text"
        let bytes =
            Array("a,b\nx,caf".utf8) + [0xE9] + Array("\n\"".utf8) + [0xFC]
            + Array("\",1\ny,2".utf8)
        let expected = ["line 2: \(wrong)", "line 3: \(wrong)", #"{"a": "y", "b": "2"}"#]
        #expect(rows(bytes) == expected)
        let tabs = bytes.map { $0 == UInt8(ascii: ",") ? UInt8(ascii: "\t") : $0 }
        #expect(rows(tabs, "d.tsv") == expected)
        #expect(
            rows(Array("{\"a\": \"".utf8) + [0xE9] + Array("\"}".utf8), "d.jsonl")
                == ["line 1: \(wrong)"])
    }

    @Test func namesOfColumnsThatAreNoUTF8AreRefused() {
        #expect(
            rows([0x61, 0x2C, 0xE9] + Array("\nx,1\n".utf8))
                == ["line 1: bytes that are no UTF-8 found, UTF-8 text expected"])
    }

    @Test(arguments: ["d.csv", "d.tsv", "d.jsonl", "d.json"])
    func aFileOfUTF16IsRefused(_ name: String) {
        let problem = "UTF-16 found, UTF-8 expected; convert it once with iconv -f UTF-16 -t UTF-8"
        let units = Array("a,b\n1,2\n".utf16)
        #expect(
            rows([0xFF, 0xFE] + units.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }, name)
                == [problem])
        #expect(
            rows([0xFE, 0xFF] + units.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }, name)
                == [problem])
    }
}
