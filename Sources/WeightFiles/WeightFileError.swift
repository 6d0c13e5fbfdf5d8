package import Files

/// What can go wrong with weight files and model folders.
package enum WeightFileError: Error, Equatable, Sendable {
    /// A system call failed; `code` is its errno.
    case system(call: String, code: Int32, file: String)
    /// An entry that the file must hold is not there.
    case missing(entry: String, file: String)
    /// An entry that the file must not hold is there.
    case unknown(entry: String, file: String)
    /// An array that a model does not read has other numbers than those that follow from its
    /// configuration.
    case differs(entry: String, expected: String, file: String)
    /// An array has other extents than expected.
    case shape(entry: String, found: [Int], expected: [Int], file: String)
    /// The file's structure breaks its format.
    case malformed(detail: String, file: String)
    /// The file was written by a newer program.
    case unsupportedFormat(found: Int, newest: Int, file: String)
    /// An array's element type is not one this program reads.
    case unsupportedType(entry: String, found: String, supported: String, file: String)
    /// A name cannot be stored.
    case invalidName(name: String, reason: String)
    /// A file is none of bytes, or was cut off while it was read.
    case file(FileProblem)
    /// A model folder has no weights that can be read.
    case noWeights(folder: String, found: [String])
}

extension WeightFileError: CustomStringConvertible {
    /// One line: what was found, what was expected, where, what to do.
    package var description: String {
        switch self {
        case .system(let call, let code, let file):
            FileProblem.line(of: call, code: code, file: file)
        case .missing(let entry, let file):
            "\(entry) is missing in \(file)"
        case .unknown(let entry, let file):
            "\(entry) in \(file) is unknown; expected nothing of that name there"
        case .differs(let entry, let expected, let file):
            "\(entry) in \(file) differs from what it should be: expected \(expected); remove it "
                + "from the file or correct config.json"
        case .shape(let entry, let found, let expected, let file):
            "\(entry) in \(file) has shape \(found), expected \(expected)"
        case .malformed(let detail, let file):
            "\(file) cannot be read: \(detail)"
        case .unsupportedFormat(let found, let newest, let file):
            "\(file) has format version \(found), this program reads up to \(newest); "
                + "use the program that wrote it"
        case .unsupportedType(let entry, let found, let supported, let file):
            "\(entry) in \(file) has element type \(found), expected \(supported)"
        case .invalidName(let name, let reason):
            "the name '\(name)' cannot be stored: \(reason)"
        case .file(let problem): problem.message
        case .noWeights(let folder, let found) where found.isEmpty:
            "no weights in \(folder); expected model.safetensors or pytorch_model.bin, or the index "
                + "of several"
        case .noWeights(let folder, let found):
            "\(folder) holds \(found.joined(separator: ", ")), expected model.safetensors or "
                + "pytorch_model.bin, or the index of several; convert it with transformers' "
                + "save_pretrained(folder, safe_serialization=True)"
        }
    }

    /// What `body` gives; its problem as an error of this room.
    static func ofFile<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(WeightFileError) -> Value {
        do {
            return try body()
        } catch {
            if case .system(let call, let code, let file) = error {
                throw .system(call: call, code: code, file: file)
            }
            throw .file(error)
        }
    }
}
