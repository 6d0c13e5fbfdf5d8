package import Files

/// The rows of an Arrow table (IPC stream or file) as lines of JSON, an object each, in order.
///
/// Both formats are read (https://arrow.apache.org/docs/format/Columnar.html), as `datasets` (save_to_disk,
/// cache), `pyarrow.ipc` and `pyarrow.feather` write them, a batch at a time and its columns in place. Rows
/// are what `datasets` gives: numbers, texts, lists, and structs as objects. Decimals are texts of their exact
/// digits, dates and times texts as Python's `str` has them (``ArrowTimeText``), maps objects where their keys
/// are texts and else lists of [key, value], extension types their storage; NaN and infinities are null. Raw
/// bytes are left out.
package final class ArrowSource: ByteSource {
    /// Bytes of rows that are made at once.
    static let chunk = 1 << 16

    /// Bytes of the file on disk so far: in a batch, its share of rows.
    package private(set) var consumed = 0
    private let file: MappedFile
    private let columns: Set<String>?
    private var table: ArrowTable
    private var batch: Batch?
    /// Rows in earlier batches.
    private var rowsBefore = 0
    private var line = JSONLine()
    /// Bytes of `line` that were given out.
    private var given = 0

    /// A batch whose rows are being written.
    private struct Batch {
        let rows: ArrowStructs
        /// What the columns point into, besides the file.
        let owners: [UnpackedBytes]
        var row = 0
        /// Bytes of the file before it and up to its end.
        let bytes: Range<Int>
    }

    /// - Parameter columns: top-level columns to read; nil for all.
    /// - Throws: ``FileProblem/damaged(file:format:problem:)`` for what is no Arrow;
    ///   ``FileProblem/unsupported(file:found:advice:)`` for a big-endian table, for columns (that are to be
    ///   read) of unions, run-end encoding or calendar intervals, for two columns of one name, and for
    ///   metadata before version 4; as ``MappedFile/init(_:)``.
    package init(_ path: String, columns: Set<String>? = nil) throws(FileProblem) {
        file = try MappedFile(path)
        self.columns = columns
        do throws(ArrowProblem) {
            table = try ArrowTable(ByteView(file.bytes))
            for field in table.schema.fields
            where !field.isLeftOut && columns?.contains(field.name) ?? true {
                try field.refuse(field.name)
            }
        } catch { throw error.of(path) }
    }

    /// - Throws: ``FileProblem/damaged(file:format:problem:)``, with column and row (counted from 1) where
    ///   one is to blame; ``FileProblem/unsupported(file:found:advice:)`` for a row of more than
    ///   ``RecordLimit/usual`` bytes, for a key that a map has twice, and for an unknown time zone;
    ///   ``FileProblem/cutOff(file:bytes:found:)``.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileProblem) -> Int {
        if given == line.bytes.count {
            line.clear()
            given = 0
            do throws(ArrowProblem) {
                try fill()
            } catch {
                try file.checkSize()
                throw error.of(file.path)
            }
            try file.checkSize()
        }
        let count = min(buffer.count, line.bytes.count - given)
        line.bytes.withUnsafeBytes { bytes in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[given..<given + count]))
        }
        given += count
        return count
    }

    /// Writes rows until a chunk is full, or the table at its end.
    private func fill() throws(ArrowProblem) {
        while line.bytes.count < Self.chunk {
            if batch == nil {
                batch = try nextBatch()
                if batch == nil {
                    consumed = file.bytes.count
                    return
                }
            }
            guard var current = batch else { return }
            batch = nil  // Moved, not copied.
            while current.row < current.rows.count, line.bytes.count < Self.chunk {
                do throws(ArrowProblem) {
                    try current.rows.write(current.row, to: &line)
                } catch { throw error.at("row \(rowsBefore + current.row + 1)") }
                line.endLine()
                current.row += 1
            }
            let share =
                current.rows.count == 0 ? 1 : Double(current.row) / Double(current.rows.count)
            let within = Int(Double(current.bytes.count) * share)
            consumed = max(consumed, current.bytes.lowerBound + within)
            if current.row == current.rows.count {
                rowsBefore += current.row
            } else {
                batch = current
            }
        }
    }

    private func nextBatch() throws(ArrowProblem) -> Batch? {
        guard var batch = try table.next() else { return nil }
        var members: [ArrowStructs.Member] = []
        let rows = batch.reader.rows
        for field in table.schema.fields {
            guard !field.isLeftOut, columns?.contains(field.name) ?? true else {
                try batch.reader.skip(field, field.name)
                continue
            }
            let values = try batch.reader.column(field, field.name)
            guard values.count == rows else {
                throw .damaged("column \(field.name) has \(values.count) values, \(rows) expected")
            }
            members.append(ArrowStructs.Member(key: JSONLine.quoted(field.name), values: values))
        }
        try batch.reader.finish()
        guard
            table.schema.fields.contains(where: \.takesBytes)
                || rows <= ArrowBatchReader.mostWithoutBytes
        else { throw .damaged("has \(rows) rows without any bytes") }
        return Batch(
            rows: ArrowStructs(count: rows, valid: ArrowBitmap(bits: nil), members: members),
            owners: batch.reader.unpacked, bytes: min(consumed, batch.end)..<batch.end)
    }
}
