import Files

/// A file's bytes in memory, read as they are touched. The mapping ends with the object.
final class MappedBytes: Sendable {
    private let file: MappedFile

    /// Never written, and valid as long as this object.
    var buffer: UnsafeRawBufferPointer { file.bytes }

    /// Maps the file at `path`.
    ///
    /// - Throws: ``WeightFileError/system(call:code:file:)``, ``WeightFileError/file(_:)``.
    init(path: String) throws(WeightFileError) {
        file = try WeightFileError.ofFile { () throws(FileProblem) in try MappedFile(path) }
    }

    /// Asks whether what has been read was there.
    ///
    /// - Throws: ``WeightFileError/file(_:)`` where the file has been cut off.
    func checkSize() throws(WeightFileError) {
        try WeightFileError.ofFile { () throws(FileProblem) in try file.checkSize() }
    }
}
