import Datasets
package import Files
import Templates

/// The rows of a task's file of data: JSON, JSON lines, CSV or TSV.
package struct TaskRows: Sendable {
    /// A row with the line on which it begins.
    package struct Row: Sendable {
        package let line: Int
        package let values: JSONValue
    }

    package let path: String
    package let rows: [Row]

    /// - Parameters:
    ///   - columns: of a file of separated fields without a line of names.
    ///   - isTyped: whether the fields of separated files become numbers where all of a column are.
    /// - Throws: ``EvaluationError/user(_:)`` for a file that cannot be read or holds no rows, and for the
    ///   first row that is none.
    package init(
        _ path: String, columns: [String]? = nil, isTyped: Bool = false
    ) throws(EvaluationError) {
        self.path = path
        var rows: [Row] = []
        do throws(ConversationError) {
            let file = try RowFile(path, columns: columns)
            var places = try file.places()
            while let place = try places.next() {
                do throws(RowProblem) {
                    rows.append(Row(line: place.line, values: try file.row(at: place)))
                } catch {
                    throw .file(
                        path: path,
                        problem: "line \(place.line): found \(error.found), expected "
                            + error.expected)
                }
            }
        } catch {
            throw .user(error.description)
        }
        guard !rows.isEmpty else { throw .user("'\(path)' holds no rows") }
        let isSeparated = path.hasSuffix(".csv") || path.hasSuffix(".tsv")
        self.rows = isTyped && isSeparated ? Self.typed(rows) : rows
    }

    /// Columns of numbers as numbers, as pandas and datasets read them.
    private static func typed(_ rows: [Row]) -> [Row] {
        let names = rows[0].values.members?.map(\.key) ?? []
        let numbers = Set(
            names.filter { name in
                rows.allSatisfy { row in
                    guard let text = row.values[name]?.string else { return false }
                    return isNumber(text)
                }
            })
        guard !numbers.isEmpty else { return rows }
        return rows.map { row in
            let members = row.values.members ?? []
            return Row(
                line: row.line,
                values: .object(
                    members.map { member in
                        guard numbers.contains(member.key), let text = member.value.string else {
                            return member
                        }
                        return (key: member.key, value: .number(text))
                    }))
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first)
        else { return false }
        let isPlain = text.utf8.allSatisfy {
            (48...57).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        }
        return isPlain && Double(text) != nil
    }

    /// A mistake in a row, at its line.
    func mistake(_ row: Row, _ problem: String) -> EvaluationError {
        .user("\(path) line \(row.line): \(problem)")
    }
}
