import Files

/// The values of one column in one batch, read where they lie.
protocol ArrowColumn {
    /// How many values.
    var count: Int { get }

    /// Writes value `row`, which is below ``count``.
    ///
    /// - Throws: ``ArrowProblem`` where what the value points to contradicts the rest.
    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem)

    /// The letters of value `row`; `nil` for null and where the column has no texts.
    func letters(_ row: Int) throws(ArrowProblem) -> ByteView?
}

extension ArrowColumn {
    func letters(_ row: Int) throws(ArrowProblem) -> ByteView? { nil }
}

/// Nulls alone.
struct ArrowNulls: ArrowColumn {
    let count: Int

    func write(_ row: Int, to line: inout JSONLine) { line.null() }
}

struct ArrowBools: ArrowColumn {
    let count: Int
    let valid: ArrowBitmap
    let values: ByteView

    func write(_ row: Int, to line: inout JSONLine) {
        guard valid[row] else { return line.null() }
        line.bool(values.bit(row))
    }
}

struct ArrowIntegers<Number: FixedWidthInteger & BitwiseCopyable>: ArrowColumn {
    let count: Int
    let valid: ArrowBitmap
    let values: ByteView

    func write(_ row: Int, to line: inout JSONLine) {
        guard valid[row] else { return line.null() }
        line.integer(values.element(row, as: Number.self))
    }
}

/// Numbers of 16, 32 or 64 bits; written with the digits of 64, as Python holds them.
struct ArrowFloats: ArrowColumn {
    let count: Int
    let valid: ArrowBitmap
    let values: ByteView
    let bits: Int

    func write(_ row: Int, to line: inout JSONLine) {
        guard valid[row] else { return line.null() }
        switch bits {
        case 16: line.number(Double(Float16(bitPattern: values.element(row))))
        case 32: line.number(Double(Float(bitPattern: values.element(row))))
        default: line.number(Double(bitPattern: values.element(row)))
        }
    }
}

/// Exact decimal numbers, as texts with all digits of their scale: "-0.0500000".
struct ArrowDecimals: ArrowColumn {
    let count: Int
    let valid: ArrowBitmap
    let values: ByteView
    let bits: Int
    let scale: Int

    func write(_ row: Int, to line: inout JSONLine) {
        guard valid[row] else { return line.null() }
        let words = bits / 32
        line.text(
            DecimalText.text((0..<words).map { values.element(row * words + $0) }, scale: scale)
                .utf8)
    }
}

/// Dates, times and durations, as texts (``ArrowTimeText``).
struct ArrowTimes: ArrowColumn {
    let name: String
    let count: Int
    let valid: ArrowBitmap
    let values: ByteView
    let bits: Int
    let text: ArrowTimeText

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard valid[row] else { return line.null() }
        let value = bits == 32 ? Int64(values.element(row, as: Int32.self)) : values.element(row)
        guard let text = text.of(value) else {
            throw .damaged("column \(name) has the value \(value), which is no \(text.meaning)")
        }
        line.text(text.utf8)
    }
}
