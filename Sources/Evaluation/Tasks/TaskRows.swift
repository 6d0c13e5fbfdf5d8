package import Datasets
package import Files
import Templates

/// The rows of a task's file of data: JSON, JSON lines, CSV or TSV.
package struct TaskRows: Sendable {
    /// A row with where it begins.
    package struct Row: Sendable {
        package let position: RowPosition
        package let values: JSONValue
    }

    package let path: String
    package let rows: [Row]

    /// - Parameters:
    ///   - columns: of a file of separated fields without a line of names.
    ///   - isTyped: whether the fields of separated files are numbers and truth values where all of a column
    ///     are, and null where they say so, as pandas reads them.
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
                    rows.append(Row(position: place.position, values: try file.row(at: place)))
                } catch {
                    throw .file(
                        path: path,
                        problem: "\(place.position): found \(error.found), expected "
                            + error.expected)
                }
            }
        } catch {
            throw .user(error.description)
        }
        guard !rows.isEmpty else { throw .user("'\(path)' holds no rows") }
        guard isTyped, Self.isSeparated(path) else {
            self.rows = rows
            return
        }
        self.rows = zip(rows, TableCells.typed(rows.map(\.values))).map {
            Row(position: $0.position, values: $1)
        }
    }

    /// Whether the file is of separated fields (.csv, .tsv), whatever it is packed in.
    var isSeparated: Bool { Self.isSeparated(path) }

    private static func isSeparated(_ path: String) -> Bool {
        var name = path.lowercased()[...]
        for packing in [".gz", ".zst"] where name.hasSuffix(packing) {
            name = name.dropLast(packing.count)
        }
        return name.hasSuffix(".csv") || name.hasSuffix(".tsv")
    }

    /// A mistake in a row, where it begins.
    func mistake(_ row: Row, _ problem: String) -> EvaluationError {
        .user("\(path) \(row.position): \(problem)")
    }
}
