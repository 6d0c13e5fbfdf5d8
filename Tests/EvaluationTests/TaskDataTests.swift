import Evaluation
import Files
import TestSupport
import Testing

/// Rows of task data as `datasets` reads them. Expected values: datasets 5.2.0 with pandas 3.1.1 and
/// pyarrow 26.0.1, `load_dataset("csv" or "json")`, each written as JSON.
@Suite struct TaskDataTests {
    private func column(_ cells: [String]) throws -> String {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let lines = ["x,y"] + cells.map { "\"\($0)\",q" }
        let path = try folder.write("a.csv", lines.joined(separator: "\n") + "\n")
        let rows = try TaskRows(path, isTyped: true).rows
        return rows.map { $0.values.member("x")?.text() ?? "none" }.joined(separator: " ")
    }

    @Test(arguments: [
        (["1", " 2"], "1 2"), (["1 ", "+5"], "1 5"), (["-007", "+012"], "-7 12"),
        (["-1", "-0"], "-1 0"), (["9223372036854775808", "1"], "9223372036854775808 1"),
        (["1", ""], "1.0 null"), (["007", "NA", "N/A"], "7.0 null null"),
        (["1e5", "2.50"], "100000.0 2.5"), (["1.", ".5"], "1.0 0.5"), (["00.5", "007"], "0.5 7.0"),
        (["1E-3", "1e+2"], "0.001 100.0"), ([" 1.5", "2 "], "1.5 2.0"),
        (["inf", "-Infinity"], "Infinity -Infinity"), (["-0.0", "-0"], "-0.0 -0.0"),
        (["9007199254740993", "null"], "9007199254740992.0 null"),
        (["True", "FALSE"], "true false"), (["tRUE", "nan"], "true null"),
        (["", "NaN", "None", "<NA>"], "null null null null"),
        (["x", "n/a", "#N/A", "NULL"], #""x" null null null"#), (["x", " NA"], #""x" " NA""#),
        ([" True", "False"], #"" True" "False""#), (["1", "True"], #""1" "True""#),
        (["1_0", "2"], #""1_0" "2""#), (["0x10", "2"], #""0x10" "2""#),
        (["- 1", "2"], #""- 1" "2""#), (["1e", "2"], #""1e" "2""#), (["+", "1"], #""+" "1""#),
        (["9223372036854775808", "-1"], #""9223372036854775808" "-1""#),
        (["9223372036854775808", ""], #""9223372036854775808" null"#),
        (["2023-01-15", "2023-01-16"], #""2023-01-15" "2023-01-16""#),
    ])
    func cellsHaveTheTypeOfTheirColumn(_ cells: [String], _ expected: String) throws {
        #expect(try column(cells) == expected)
    }

    @Test func aRowThatIsNoneIsNamedByItsNumberWhereRowsShareALine() throws {
        let folder = try TemporaryFolder()
        for (separator, place) in [(" ", "row 2"), ("\n", "line 2")] {
            let path = try folder.write("a.json", "[{\"x\": 1},\(separator)5]")
            let error = #expect(throws: EvaluationError.self) { _ = try TaskRows(path) }
            #expect(error?.description == "\(path): \(place): found 5, expected an object")
        }
    }

    private func rows(_ lines: [String]) throws -> [String] {
        let rows = try lines.map { try JSONValueReader.read($0) }
        var types = ColumnTypes()
        for row in rows { types.add(row, isSeparated: false) }
        return rows.map { types.row($0).text() }
    }

    @Test(arguments: [
        (
            [#"{"a": 1, "b": "x"}"#, #"{"a": 2}"#],
            [#"{"a": 1, "b": "x"}"#, #"{"a": 2, "b": null}"#]
        ),
        ([#"{"a": 3}"#, #"{"a": 2.5}"#, "{}"], [#"{"a": 3.0}"#, #"{"a": 2.5}"#, #"{"a": null}"#]),
        ([#"{"a": 1}"#, #"{"a": 1e20}"#], [#"{"a": 1.0}"#, #"{"a": 1e+20}"#]),
        ([#"{"a": [1, 2.5]}"#, #"{"a": [3]}"#], [#"{"a": [1.0, 2.5]}"#, #"{"a": [3.0]}"#]),
        (
            [#"{"s": {"x": 1}}"#, #"{"s": {"x": 2.5}}"#, "{}"],
            [#"{"s": {"x": 1.0}}"#, #"{"s": {"x": 2.5}}"#, #"{"s": null}"#]
        ),
        // Objects with other keys, and values of several kinds, stay as written.
        (
            [#"{"s": {"x": 1}}"#, #"{"s": {"y": 2.5}}"#],
            [#"{"s": {"x": 1}}"#, #"{"s": {"y": 2.5}}"#]
        ),
        ([#"{"s": [{"x": 1}, {"x": 2, "y": 1.5}]}"#], [#"{"s": [{"x": 1}, {"x": 2, "y": 1.5}]}"#]),
        (
            [#"{"a": 1}"#, #"{"a": "x"}"#, #"{"a": 1.5}"#],
            [#"{"a": 1}"#, #"{"a": "x"}"#, #"{"a": 1.5}"#]
        ),
        ([#"{"a": true}"#, #"{"a": 1}"#], [#"{"a": true}"#, #"{"a": 1}"#]),
    ])
    func valuesHaveTheTypeOfTheirColumn(_ lines: [String], _ expected: [String]) throws {
        #expect(try rows(lines) == expected)
    }

    /// What Arrow takes for a timestamp, as `str(datetime)` has it.
    @Test(arguments: [
        ("2023-01-15", "2023-01-15 00:00:00"), ("2023-01-15T10", "2023-01-15 10:00:00"),
        ("2023-01-15 10:05", "2023-01-15 10:05:00"),
        ("2024-02-29T10:05:07Z", "2024-02-29 10:05:07"),
        ("2023-01-15 10:00:00+01:00", "2023-01-15 09:00:00"),
        ("2023-01-01 00:30:00+0100", "2022-12-31 23:30:00"),
        ("2023-12-31 23:30:00-01", "2024-01-01 00:30:00"),
        ("2023-02-30", "2023-02-30"), ("2023-13-01", "2023-13-01"), ("20230115", "20230115"),
        ("2023-01-15 10:00:00.5", "2023-01-15 10:00:00.5"), (" 2023-01-15", " 2023-01-15"),
        ("2023-01-15 24:00:00", "2023-01-15 24:00:00"), ("2023-01", "2023-01"),
        ("2023-01-15 1000", "2023-01-15 1000"), ("10:00", "10:00"),
    ])
    func datesAloneAreTimestamps(_ text: String, _ expected: String) throws {
        let line = "{\"d\": \"\(text)\"}"
        #expect(try rows([line, "{}"])[0] == "{\"d\": \"\(expected)\"}")
        #expect(try rows([line, #"{"d": "later"}"#])[0] == line)
    }
}
