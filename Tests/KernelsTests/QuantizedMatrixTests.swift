import Kernels
import TestSupport
import Testing

/// Blocks against the gguf package and bitsandbytes (scripts/references/gguf_files.py).
@Suite struct QuantizedMatrixTests {
    static let formats = QuantizedFormat.allCases.filter { $0 != .nf4 }

    @Test(arguments: formats) func decodedBlocksEqualGGUF(format: QuantizedFormat) throws {
        let file = try ReferenceFile("gguf/blocks.safetensors")
        let matrix = try file.matrix(format)
        let expected = try file.floats("\(format.name).values")
        // Scale times code has at most 24 bits (Q6_K's is rounded once), so every bit is determined.
        #expect(matrix.numbers == expected)
        for type in ElementType.all {
            let workspace = Workspace(threads: 3)
            let y = workspace.buffer(matrix.count, type)
            workspace.dequantize(matrix, rows: 0..<matrix.rows, into: y)
            #expect(
                workspace.numbers(y, count: matrix.count)
                    == workspace.rounded(expected, to: type), "\(type)")
        }
    }

    @Test(arguments: formats) func blocksHaveGGUFsSizes(format: QuantizedFormat) throws {
        let file = try ReferenceFile("gguf/blocks.safetensors")
        let words = try file.shape("\(format.name).blocks")
        let shape = try file.shape("\(format.name).values")
        #expect(format.rowBytes(columns: shape[1]) == words[1] * 4)
    }

    @Test func encodedQ8BlocksEqualGGUF() throws {
        let file = try ReferenceFile("gguf/blocks.safetensors")
        let shape = try file.shape("Q8_0.numbers")
        let matrix = QuantizedMatrix.quantize(
            try file.floats("Q8_0.numbers"), rows: shape[0], columns: shape[1], as: .q8_0)
        let expected = try file.matrix(.q8_0)
        withExtendedLifetime(expected) {
            #expect(matrix.bytes.elementsEqual(expected.bytes))
        }
    }

    @Test func encodedNF4EqualsBitsandbytes() throws {
        let file = try ReferenceFile("gguf/blocks.safetensors")
        let shape = try file.shape("NF4.numbers")
        let matrix = QuantizedMatrix.quantize(
            try file.floats("NF4.numbers"), rows: shape[0], columns: shape[1], as: .nf4)
        #expect(matrix.rowBytes == shape[1] / 64 * 36)
        #expect(matrix.numbers == (try file.floats("NF4.values")))
    }

    @Test(arguments: [QuantizedFormat.q8_0, .nf4], [1, 31, 70, 129])
    func rowsNeedNotFillTheirLastBlock(format: QuantizedFormat, columns: Int) {
        var random = TestNumbers("last block")
        let numbers = random.array(3 * columns)
        let matrix = QuantizedMatrix.quantize(numbers, rows: 3, columns: columns, as: format)
        // Half a step: of 1/127, or of NF4's widest gap (1 − 0.696).
        let bound: Float = format == .q8_0 ? 0.5 / 127 + 0x1p-11 : 0.1520
        #expect(Difference.absolute(matrix.numbers, numbers) <= bound)
        var wide: [Float] = []
        for row in 0..<3 {
            wide += numbers[row * columns..<(row + 1) * columns]
            wide += [Float](repeating: 0, count: 256 - columns)
        }
        let padded = QuantizedMatrix.quantize(wide, rows: 3, columns: 256, as: format)
        for row in 0..<3 {
            let found = matrix.numbers(rows: row..<row + 1)
            #expect(found == Array(padded.numbers(rows: row..<row + 1)[..<columns]))
        }
    }

    @Test(arguments: [QuantizedFormat.q8_0, .nf4], [Float.nan, .infinity])
    func numbersThatAreNotFiniteMarkTheirBlock(format: QuantizedFormat, bad: Float) {
        var numbers = [Float](repeating: 1, count: 128)
        numbers[70] = bad
        let found = QuantizedMatrix.quantize(numbers, rows: 1, columns: 128, as: format).numbers
        #expect(found[70].isNaN)
        #expect(found[..<64].allSatisfy { abs($0 - 1) < 0x1p-10 })
    }

    @Test func rowsAreTakenAndReordered() throws {
        let file = try ReferenceFile("gguf/blocks.safetensors")
        let matrix = try file.matrix(.q4K)
        let columns = matrix.columns
        let row = { (index: Int) in
            Array(matrix.numbers[index * columns..<(index + 1) * columns])
        }
        #expect(matrix.rows(1..<3).numbers == row(1) + row(2))
        #expect(matrix.rows(ordered: [3, 0, 0]).numbers == row(3) + row(0) + row(0))
    }

    @Test(arguments: QuantizedFormat.allCases) func namedRowsAreGathered(format: QuantizedFormat)
        throws
    {
        let matrix = try ReferenceFile("gguf/blocks.safetensors").matrix(format)
        let ids: [Int32] = [2, 0, 3, 3, 1] + [Int32](repeating: 2, count: 95)
        let expected = ids.flatMap { matrix.numbers(rows: Int($0)..<Int($0) + 1) }
        for threads in [1, 3] {
            let workspace = Workspace(threads: threads)
            let y = workspace.buffer(expected.count, .float32)
            workspace.gatherRows(of: matrix, ids: ids, into: y)
            #expect(workspace.numbers(y, count: expected.count) == expected)
            workspace.gatherRows(of: matrix, ids: ids, into: y, adding: true)
            #expect(workspace.numbers(y, count: expected.count) == expected.map { $0 * 2 })
        }
    }
}

extension ReferenceFile {
    /// The blocks of a format in blocks.safetensors; NF4's are made of its numbers.
    func matrix(_ format: QuantizedFormat) throws -> QuantizedMatrix {
        let shape = try shape("\(format.name).values")
        guard format != .nf4 else {
            return QuantizedMatrix.quantize(
                try floats("NF4.numbers"), rows: shape[0], columns: shape[1], as: .nf4)
        }
        let memory = WordMemory(try integers("\(format.name).blocks"))
        return QuantizedMatrix(
            format: format, rows: shape[0], columns: shape[1],
            bytes: UnsafeRawBufferPointer(memory.words), owner: memory)
    }
}

/// Words at a fixed address.
private final class WordMemory {
    let words: UnsafeMutableBufferPointer<Int32>

    init(_ words: [Int32]) {
        self.words = .allocate(capacity: words.count)
        _ = self.words.initialize(from: words)
    }

    deinit { words.deallocate() }
}
