package import Files

/// The rows of a Parquet file as lines of JSON, an object each, in the order of the file
/// (parquet.apache.org: File Format; pages of both versions).
///
/// Rows are what Hugging Face datasets gives for the file. Null members are written as null; structs become objects,
/// lists arrays, maps objects where their keys are texts and arrays of [key, value] otherwise. Texts annotated as
/// JSON become what they describe. Decimals become texts with all their digits; dates, times and timestamps become
/// texts as Python's `str` writes them ("2024-02-29", "13:05:07", "2024-02-29 13:05:07.250000"), and timestamps that
/// the file calls UTC end in "+00:00", whatever zone they were written in. Infinities and NaN become null. Columns of
/// raw bytes (images, say) are left out, inside structs and lists too.
///
/// Memory is bounded by a page and a dictionary of each column, and a row.
package final class ParquetSource: ByteSource {
    private let file: MappedFile
    private let length: Int
    private let start: Int
    private let schema: ParquetSchema
    /// The row groups of the part, and the number of rows before each.
    private let groups: [(group: ParquetFooter.RowGroup, rowsBefore: Int)]
    private let buffers: [PageBuffer]

    private var nextGroup = 0
    private var writer: RowWriter?
    private var rowsLeft = 0
    private var line = JSONLine()
    private var sent = 0
    private var failure: FileProblem?

    /// Bytes of the part read so far, in proportion to the rows of each row group.
    package private(set) var consumed = 0

    /// Lines that are gathered before they are handed out, in bytes.
    private static let gathered = 1 << 16

    /// Opens a file.
    ///
    /// - Parameters:
    ///   - start: the row groups whose first byte lies in `start..<end` are read, so that parts of a file that meet
    ///     give each row once.
    ///   - end: the end of the file where it is nil.
    ///   - columns: names of top-level columns to read; nil for all.
    /// - Throws: ``FileProblem/damaged(file:format:problem:)`` for what is no Parquet file or not a whole one,
    ///   ``FileProblem/unsupported(file:found:advice:)`` for encryption, values in other files and a file
    ///   without any column that is read, and as ``MappedFile/init(_:)``.
    package init(
        _ path: String, start: Int = 0, end: Int? = nil, columns: Set<String>? = nil
    ) throws(FileProblem) {
        file = try MappedFile(path)
        self.start = start
        length = max(0, (end ?? file.bytes.count) - start)
        do throws(ParquetProblem) {
            let footer = try ParquetFooter(ByteView(file.bytes))
            let schema = try ParquetSchema(footer.schema, wanted: columns)
            guard footer.rows == 0 || !schema.fields.isEmpty else {
                throw Self.noColumns(try ParquetSchema.names(footer.schema), columns)
            }
            var groups: [(ParquetFooter.RowGroup, Int)] = []
            var rows = 0
            for group in footer.groups {
                guard group.chunks.count == schema.columnCount || group.rows == 0 else {
                    throw .damaged(
                        "\(group.chunks.count) columns in a row group, expected \(schema.columnCount)"
                    )
                }
                if group.rows > 0, group.start >= start, group.start - start < length {
                    try schema.checkCodecs(group)
                    groups.append((group, rows))
                }
                rows += group.rows
            }
            self.schema = schema
            self.groups = groups
            buffers = schema.columns.map { _ in PageBuffer() }
        } catch {
            throw error.of(path)
        }
        if groups.isEmpty { consumed = length }
    }

    /// - Throws: ``FileProblem/damaged(file:format:problem:)`` and ``FileProblem/unsupported(file:found:advice:)``, with
    ///   the column and the row where one is to blame (rows count from 1 at the beginning of the file, also where only
    ///   a part of it is read); ``FileProblem/cutOff(file:bytes:found:)``.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileProblem) -> Int {
        if let failure { throw failure }
        if sent == line.bytes.count {
            line.clear()
            sent = 0
            do throws(ParquetProblem) {
                try gather(min(max(buffer.count, 1), Self.gathered))
            } catch {
                // What a file that was cut off lacks reads as zeros.
                let problem: FileProblem
                do throws(FileProblem) {
                    try file.checkSize()
                    problem = error.of(file.path)
                } catch { problem = error }
                failure = problem
                throw problem
            }
        }
        return line.bytes.withUnsafeBytes { bytes in
            let count = min(buffer.count, bytes.count - sent)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[sent..<sent + count]))
            sent += count
            return count
        }
    }

    /// Writes rows until there are `count` bytes or no more rows.
    private func gather(_ count: Int) throws(ParquetProblem) {
        while line.bytes.count < count {
            if rowsLeft == 0 {
                try finishGroup()
                guard nextGroup < groups.count else { break }
                try beginGroup()
            }
            try writeRow()
        }
        updateConsumed()
    }

    private func writeRow() throws(ParquetProblem) {
        do throws(ParquetProblem) {
            try writer?.write(into: &line)
        } catch {
            let (group, rowsBefore) = groups[nextGroup - 1]
            throw error.at("row \(rowsBefore + group.rows - rowsLeft + 1)")
        }
        rowsLeft -= 1
    }

    private func beginGroup() throws(ParquetProblem) {
        let group = groups[nextGroup].group
        var columns: [ColumnReader] = []
        for (number, column) in schema.columns.enumerated() {
            columns.append(
                try ColumnReader(column, group, ByteView(file.bytes), buffers[number]))
        }
        writer = try RowWriter(schema.fields, columns)
        rowsLeft = group.rows
        nextGroup += 1
    }

    private func finishGroup() throws(ParquetProblem) {
        try writer?.finish()
        writer = nil
    }

    private func updateConsumed() {
        guard nextGroup > 0, writer != nil else {
            consumed = length
            return
        }
        let group = groups[nextGroup - 1].group
        let bytes = group.chunks.reduce(0) { $0 + $1.compressedBytes }
        let part = Double(group.rows - rowsLeft) / Double(group.rows) * Double(bytes)
        consumed = max(consumed, min(length, group.start - start + Int(part)))
    }

    private static func noColumns(_ names: [String], _ wanted: Set<String>?) -> ParquetProblem {
        let found = names.isEmpty ? "none" : names.joined(separator: ", ")
        guard let wanted else {
            return .unsupported(
                found: "columns of raw bytes only (\(found))",
                advice: "expected a column of texts or numbers, so add one or name another file")
        }
        return .unsupported(
            found: "the columns \(found)",
            advice: "expected \(wanted.sorted().joined(separator: " or ")) with texts or numbers")
    }
}
