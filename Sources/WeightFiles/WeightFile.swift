/// A tensor's extents, outermost first, and its element type as safetensors spells it: F32, BF16, …
package struct WeightForm: Sendable, Equatable {
    package let shape: [Int]
    package let type: String
}

/// A file of named tensors, whatever its format.
package protocol WeightFile: Sendable {
    /// Where the file is.
    var path: String { get }
    /// The names of its tensors.
    var names: [String] { get }

    /// What a tensor is; `nil` where there is none of that name.
    func form(of name: String) -> WeightForm?

    /// Lets `body` see a tensor's numbers, one after another; they may be unaligned.
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)``, and what `body` throws.
    func withBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws(WeightFileError) -> Result
    ) throws(WeightFileError) -> Result

    /// Asks whether what has been read was there.
    func checkSize() throws(WeightFileError)
}

extension WeightFile {
    /// A tensor's numbers as float32, exactly (F64 is rounded).
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)``, and
    ///   ``WeightFileError/unsupportedType(entry:found:supported:file:)`` for other than F32, BF16,
    ///   F16 and F64.
    package func floats(_ name: String) throws(WeightFileError) -> [Float] {
        guard let form = form(of: name) else { throw .missing(entry: name, file: path) }
        guard ["F32", "BF16", "F16", "F64"].contains(form.type) else {
            throw unsupported(name, form)
        }
        var values = [Float](repeating: 0, count: form.shape.reduce(1, *))
        try values.withUnsafeMutableBufferPointer { values throws(WeightFileError) in
            try read(name, shape: form.shape, into: values)
        }
        return values
    }

    /// Reads a tensor as float32 into the caller's memory.
    ///
    /// - Parameter shape: what the caller expects; `values` holds its product.
    /// - Throws: as ``floats(_:)``, and ``WeightFileError/shape(entry:found:expected:file:)``.
    package func read(
        _ name: String, shape: [Int], into values: UnsafeMutableBufferPointer<Float>
    ) throws(WeightFileError) {
        guard let form = form(of: name) else { throw .missing(entry: name, file: path) }
        guard form.shape == shape else {
            throw .shape(entry: name, found: form.shape, expected: shape, file: path)
        }
        precondition(
            values.count == shape.reduce(1, *),
            "read \(name): shape \(shape) but room for \(values.count) values")
        try withBytes(of: name) { bytes throws(WeightFileError) in
            guard let base = bytes.baseAddress else { return }
            switch form.type {
            case "F32":
                UnsafeMutableRawBufferPointer(values).copyMemory(from: bytes)
            case "BF16":
                for index in values.indices {
                    values[index] = WeightType.float(
                        bfloat16: base.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
                }
            case "F16":
                for index in values.indices {
                    values[index] = WeightType.float(
                        float16: base.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
                }
            case "F64":
                for index in values.indices {
                    values[index] = Float(
                        base.loadUnaligned(fromByteOffset: index &* 8, as: Double.self))
                }
            default:
                throw unsupported(name, form)
            }
        }
        try checkSize()
    }

    private func unsupported(_ name: String, _ form: WeightForm) -> WeightFileError {
        .unsupportedType(
            entry: name, found: form.type, supported: "F32, BF16, F16 or F64", file: path)
    }
}

extension SafetensorsFile: WeightFile {
    package var names: [String] { tensors.map(\.name) }

    package func form(of name: String) -> WeightForm? {
        tensor(name).map { WeightForm(shape: $0.shape, type: $0.type) }
    }

    package func withBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws(WeightFileError) -> Result
    ) throws(WeightFileError) -> Result {
        try withBytes(name) { _, bytes throws(WeightFileError) in try body(bytes) }
    }
}
