package import Files

/// What can go wrong with checkpoints.
package enum CheckpointError: Error, Equatable, Sendable {
    /// A folder holds no readable checkpoint, or not the one of the wanted step.
    case noCheckpoint(folder: String, step: Int?)
    /// A system call failed; `code` is its errno.
    case system(call: String, code: Int32, file: String)
    /// HDF5 refused; `detail` is its own text, the most specific cause first.
    case library(call: String, detail: String, file: String)
    /// Bytes do not agree with the checksum stored for them.
    case damaged(entry: String, found: String, expected: String, file: String)
    /// An entry that the file must hold is not there.
    case missing(entry: String, file: String)
    /// An entry that the file must not hold is there.
    case unknown(entry: String, file: String)
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
    /// An entry's bytes lie somewhere else than in the file: `found` says where.
    case elsewhere(entry: String, found: String, file: String)
}

extension CheckpointError: CustomStringConvertible {
    /// One line: what was found, what was expected, where, what to do.
    package var description: String {
        switch self {
        case .noCheckpoint(let folder, let step?):
            "no checkpoint of step \(step) in \(folder); expected checkpoint-\(step).h5"
        case .noCheckpoint(let folder, nil):
            "no readable checkpoint in \(folder); expected files named checkpoint-<step>.h5"
        case .system(let call, let code, let file):
            FileProblem.line(of: call, code: code, file: file)
        case .library(let call, let detail, let file):
            "\(call) failed on \(file): \(detail); expected a complete HDF5 file, "
                + "use another checkpoint or write it again"
        case .damaged(let entry, let found, let expected, let file):
            "\(entry) in \(file) is damaged: its bytes give checksum \(found), stored is "
                + "\(expected); use another checkpoint"
        case .missing(let entry, let file):
            "\(entry) is missing in \(file)"
        case .unknown(let entry, let file):
            "\(entry) in \(file) is unknown; expected nothing of that name there"
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
        case .elsewhere(let entry, let found, let file):
            "\(entry) in \(file) is \(found), which is not followed; expected its bytes in this "
                + "file, use another checkpoint"
        }
    }

    /// What `body` gives; its problem as an error of this room.
    static func ofFile<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(CheckpointError) -> Value {
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
