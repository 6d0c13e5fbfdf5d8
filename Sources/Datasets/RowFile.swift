import Columnar
package import Files
import Foundation
package import Templates

/// A file of rows, mapped into memory: where each row lies is found in one quick pass, and rows
/// are parsed when they are wanted. Tables (.parquet, .arrow) are written down as lines of JSON first.
package final class RowFile: Sendable {
    /// Where a row lies in the file.
    package struct Place: Sendable {
        /// First byte, and how many.
        package let offset: Int
        package let count: Int
        package internal(set) var position: RowPosition

        package init(offset: Int, count: Int, position: RowPosition) {
            self.offset = offset
            self.count = count
            self.position = position
        }
    }

    /// How rows are written.
    enum Format: Sendable {
        case json
        case separated(FieldSeparation)
        /// CoNLL's columns: a word a line, an empty line behind each sentence.
        case columns
    }

    /// The name that messages give.
    package let name: String
    private let file: MappedFile
    private let limit: RecordLimit
    let format: Format
    /// Whether it is a table, whose rows are on no lines.
    private let isTable: Bool
    /// The columns of a file of separated fields.
    private let header: [String]
    /// Rows that stand within one object, and of SQuAD the paragraphs that questions belong to.
    private let wrapped: (places: [Place], paragraphs: [WrappedRows.Paragraph])?
    /// Where rows begin: after the header.
    private let start: (offset: Int, line: Int)

    /// Opens a file whose name says what it holds, and how it is packed (.gz, .zst).
    ///
    /// - Parameter columns: of a file of separated fields whose first line is a row like others.
    /// - Throws: ``ConversationError/file(path:problem:)`` for another kind of file, or when it
    ///   cannot be read or is UTF-16.
    package init(
        _ path: String, columns: [String]? = nil, limit: RecordLimit = .usual
    ) throws(ConversationError) {
        name = path
        self.limit = limit
        let packing = MappedFile.Packing(ending: (path as NSString).pathExtension)
        let inner = packing == nil ? path : (path as NSString).deletingPathExtension
        let kind = (inner as NSString).pathExtension.lowercased()
        let table = packing == nil ? TableFormat(ending: kind) : nil
        isTable = table != nil
        format = try table == nil ? Self.format(of: kind, path) : .json
        file = try Self.open(path, packing, table)
        // A byte order mark is passed over.
        let begin = file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        if kind == "json" {
            wrapped = try WrappedRows(file.bytes, offset: begin, file: path, limit).map {
                ($0.places, $0.paragraphs)
            }
        } else {
            wrapped = nil
        }
        if case .separated(let separation) = format, columns == nil {
            var scanner = CSVScanner(
                file.bytes, offset: begin, line: 1, separation, file: path, limit)
            header = try Self.header(&scanner, separation, path)
            start = (scanner.offset, scanner.line)
        } else {
            header = columns ?? []
            start = (begin, 1)
        }
    }

    private static func open(
        _ path: String, _ packing: MappedFile.Packing?, _ table: TableFormat?
    ) throws(ConversationError) -> MappedFile {
        let file: MappedFile
        do throws(FileProblem) {
            if let table {
                file = try MappedFile(of: table.rows(of: path), named: path)
            } else if let packing {
                file = try MappedFile(unpacking: path, packing)
            } else {
                file = try MappedFile(path)
            }
        } catch {
            throw .file(path: error.file, problem: error.problem)
        }
        if file.bytes.starts(with: [0xFF, 0xFE]) || file.bytes.starts(with: [0xFE, 0xFF]) {
            throw .file(
                path: path,
                problem: "UTF-16 found, UTF-8 expected; convert it once with iconv -f UTF-16 -t "
                    + "UTF-8")
        }
        return file
    }

    /// The names of columns, from the first record.
    private static func header(
        _ scanner: inout CSVScanner, _ separation: FieldSeparation, _ path: String
    ) throws(ConversationError) -> [String] {
        guard let place = try scanner.next() else { return [] }
        let header: [String]
        do throws(RowProblem) {
            header = try separation.fields(scanner.bytes, place).map { $0.text ?? "" }
        } catch {
            throw .file(
                path: path,
                problem: "\(place.position): \(error.found) found, \(error.expected) expected")
        }
        let twice = header.enumerated().first { header.prefix($0).contains($1) }?.element
        guard let twice else { return header }
        throw .file(
            path: path,
            problem:
                "\(place.position): the column \(twice) is there twice, expected each once; rename or "
                + "remove one")
    }

    /// How rows of a kind of file are written.
    private static func format(
        of kind: String, _ path: String
    ) throws(ConversationError) -> Format {
        switch kind {
        case "json", "jsonl": return .json
        case "csv": return .separated(.commas)
        case "tsv": return .separated(.tabs)
        case "conll", "bio", "iob", "iob2": return .columns
        case _ where TableFormat(ending: kind) != nil:
            throw .file(
                path: path,
                problem: "a packed table found, expected the .\(kind) itself; unpack it first")
        default:
            throw .file(
                path: path,
                problem: "\(kind.isEmpty ? "no extension" : ".\(kind)") found, expected .json, "
                    + ".jsonl, .csv, .tsv, .parquet, .arrow or .conll")
        }
    }

    /// A reader of the places of all rows, in order.
    package func places() throws(ConversationError) -> PlaceReader {
        if let wrapped { return .known(wrapped.places[...]) }
        switch format {
        case .separated(let separation):
            return .csv(
                CSVScanner(
                    file.bytes, offset: start.offset, line: start.line, separation, file: name,
                    limit))
        case .json:
            return .json(
                try JSONRowScanner(
                    file.bytes, offset: start.offset, file: name, limit, countsRows: isTable))
        case .columns:
            return .columns(
                ColumnScanner(bytes: file.bytes, offset: start.offset), file: name, limit)
        }
    }

    /// One row as an object.
    package func row(at place: Place) throws(RowProblem) -> JSONValue {
        let bytes = file.bytes[place.offset..<place.offset + place.count]
        switch format {
        case .json:
            let value: JSONValue
            do {
                value = try JSONValueReader.read(Array(bytes)[...])
            } catch {
                throw RowProblem(found: error.found, expected: error.expected)
            }
            guard value.members != nil else {
                throw RowProblem(found: value.kind, expected: "an object")
            }
            return try withContext(value, at: place)
        case .columns: return try ColumnScanner.row(bytes)
        case .separated(let separation):
            let fields = try separation.fields(file.bytes, place)
            guard fields.count == header.count else {
                throw RowProblem(
                    found: "\(fields.count) fields",
                    expected: "\(header.count): \(header.joined(separator: ", "))")
            }
            return .object(
                zip(header, fields).map { key, field in
                    (key: key, value: field.text.map { .string($0) } ?? .null)
                })
        }
    }
}

extension RowFile {
    /// A question of SQuAD with its paragraph's context; any other row as it is.
    private func withContext(
        _ row: JSONValue, at place: Place
    ) throws(RowProblem) -> JSONValue {
        guard let wrapped, case .object(let members) = row,
            let context = WrappedRows.context(of: place.offset, in: wrapped.paragraphs)
        else { return row }
        do {
            let text = try JSONValueReader.read(Array(file.bytes[context])[...])
            return .object(members + [(key: "context", value: text)])
        } catch {
            throw RowProblem(found: error.found, expected: error.expected)
        }
    }

    /// Goes through the places of a file's rows.
    package enum PlaceReader {
        case json(JSONRowScanner)
        case csv(CSVScanner)
        case columns(ColumnScanner, file: String, RecordLimit)
        case known(ArraySlice<Place>)

        /// The next row's place, `nil` after the last.
        ///
        /// - Throws: ``ConversationError/file(path:problem:)`` for a list or a quoted field that is cut
        ///   off, for something that is no row, and for a row larger than ``RecordLimit``.
        package mutating func next() throws(ConversationError) -> Place? {
            switch self {
            case .known(var places):
                let place = places.popFirst()
                self = .known(places)
                return place
            case .json(var scanner):
                let place = try scanner.next()
                self = .json(scanner)
                return place
            case .csv(var scanner):
                let place = try scanner.next()
                self = .csv(scanner)
                return place
            case .columns(var scanner, let file, let limit):
                let place = scanner.next()
                self = .columns(scanner, file: file, limit)
                guard let place, place.count > limit.bytes else { return place }
                throw .file(
                    path: file,
                    problem: "\(place.position): " + limit.problem("a sentence", place.count))
            }
        }
    }
}
