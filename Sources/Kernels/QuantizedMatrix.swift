private import CKernels

/// A frozen (rows, columns) matrix in blocks along the columns.
///
/// A handle: the bytes belong to `owner` (a mapped file, or memory of ours) and never change.
package struct QuantizedMatrix {
    package let format: QuantizedFormat
    package let rows: Int
    package let columns: Int
    /// Of all rows; a row follows the other without a gap.
    package let bytes: UnsafeRawBufferPointer
    private let owner: AnyObject

    /// - Parameters:
    ///   - bytes: rows · ``QuantizedFormat/rowBytes(columns:)`` of them; any alignment.
    ///   - owner: keeps the bytes valid while it lives.
    package init(
        format: QuantizedFormat, rows: Int, columns: Int, bytes: UnsafeRawBufferPointer,
        owner: AnyObject
    ) {
        precondition(rows > 0 && columns > 0, "\(format.name) (\(rows), \(columns)) is empty")
        let expected = rows * format.rowBytes(columns: columns)
        precondition(
            bytes.count == expected,
            "\(format.name) (\(rows), \(columns)) takes \(expected) bytes, not \(bytes.count)")
        self.format = format
        self.rows = rows
        self.columns = columns
        self.bytes = bytes
        self.owner = owner
    }

    /// Bytes of one row.
    package var rowBytes: Int { format.rowBytes(columns: columns) }

    /// Weights.
    package var count: Int { rows * columns }

    /// The bytes from `row` on; `nil` where the matrix is empty.
    func pointer(row: Int) -> UnsafeRawPointer? {
        bytes.baseAddress.map { $0 + row * rowBytes }
    }

    /// Some of the rows, sharing the bytes.
    package func rows(_ range: Range<Int>) -> QuantizedMatrix {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        let part = bytes[range.lowerBound * rowBytes..<range.upperBound * rowBytes]
        return QuantizedMatrix(
            format: format, rows: range.count, columns: columns,
            bytes: UnsafeRawBufferPointer(rebasing: part), owner: owner)
    }

    /// The rows in another order, copied: row i becomes row `order[i]` of this matrix.
    package func rows(ordered order: [Int]) -> QuantizedMatrix {
        precondition(order.allSatisfy { 0..<rows ~= $0 }, "rows named beyond \(rows)")
        let memory = QuantizedBytes(count: order.count * rowBytes)
        for (index, row) in order.enumerated() {
            let part = bytes[row * rowBytes..<(row + 1) * rowBytes]
            UnsafeMutableRawBufferPointer(rebasing: memory.bytes[(index * rowBytes)...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
        }
        return QuantizedMatrix(
            format: format, rows: order.count, columns: columns,
            bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }

    /// The weights of some rows as float32, decoded on this thread.
    package func numbers(rows range: Range<Int>) -> [Float] {
        let part = rows(range)
        return [Float](unsafeUninitializedCapacity: part.count) { target, initialized in
            if let source = part.pointer(row: 0), let base = target.baseAddress {
                lk_dequantize(
                    format.code, source, rowBytes, 0, part.rows, columns, 0, base, columns)
            }
            initialized = part.count
        }
    }

    /// All weights as float32, row after row.
    package var numbers: [Float] { numbers(rows: 0..<rows) }

    /// Rounds numbers (rows, columns) to the blocks of a format that can be written: Q8_0 as GGUF's
    /// reference does, NF4 as bitsandbytes does without double quantization.
    ///
    /// Where the columns are no multiple of a block, each row's last block is shorter.
    package static func quantize(
        _ numbers: [Float], rows: Int, columns: Int, as format: QuantizedFormat
    ) -> QuantizedMatrix {
        precondition(format.canEncode, "\(format.name) cannot be written")
        precondition(
            numbers.count == rows * columns, "\(numbers.count) numbers for (\(rows), \(columns))")
        let rowBytes = format.rowBytes(columns: columns)
        let memory = QuantizedBytes(count: rows * rowBytes)
        numbers.withUnsafeBufferPointer { numbers in
            guard let base = numbers.baseAddress, let target = memory.bytes.baseAddress else {
                return
            }
            lk_quantize(format.code, base, rows, columns, target, rowBytes)
        }
        return QuantizedMatrix(
            format: format, rows: rows, columns: columns,
            bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }
}

/// Memory of a matrix that was quantized or reordered here.
private final class QuantizedBytes {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }

    deinit { bytes.deallocate() }
}
