package import Files

/// What can go wrong with checkpoints.
package enum CheckpointError: ArrayFileError, Equatable, Sendable {
    /// A folder holds no readable checkpoint, or not the one of the wanted step.
    case noCheckpoint(folder: String, step: Int?)
    /// A system call failed; `code` is its errno.
    case system(call: String, code: Int32, file: String)
    /// HDF5 refused; `detail` is its own text, the most specific cause first.
    case library(call: String, detail: String, file: String)
    /// Bytes do not agree with the checksum stored for them.
    case damaged(entry: String, found: String, expected: String, file: String)
    /// A file is none of bytes, or was cut off while it was read.
    case file(FileProblem)
    /// What the file holds is not what it has to be.
    case content(ArrayFileProblem)
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
        case .file(let problem): problem.message
        case .content(let problem): problem.message
        case .elsewhere(let entry, let found, let file):
            "\(entry) in \(file) is \(found), which is not followed; expected its bytes in this "
                + "file, use another checkpoint"
        }
    }
}

extension CheckpointError {
    /// Whether the machine is at fault, as where a disk is full, not what a user named.
    package var isOfMachine: Bool {
        switch self {
        case .system(_, let code, _): FileProblem.isOfMachine(code)
        case .file(let problem): problem.isOfMachine
        default: false
        }
    }
}
