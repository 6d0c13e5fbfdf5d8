package import Files

/// What can go wrong with weight files and model folders.
package enum WeightFileError: ArrayFileError, Equatable, Sendable {
    /// A system call failed; `code` is its errno.
    case system(call: String, code: Int32, file: String)
    /// An array that a model does not read has other numbers than those that follow from its
    /// configuration.
    case differs(entry: String, expected: String, file: String)
    /// A file is none of bytes, or was cut off while it was read.
    case file(FileProblem)
    /// What the file holds is not what it has to be.
    case content(ArrayFileProblem)
    /// A model folder has no weights that can be read.
    case noWeights(folder: String, found: [String])
}

extension WeightFileError: CustomStringConvertible {
    /// One line: what was found, what was expected, where, what to do.
    package var description: String {
        switch self {
        case .system(let call, let code, let file):
            FileProblem.line(of: call, code: code, file: file)
        case .differs(let entry, let expected, let file):
            "\(entry) in \(file) differs from what it should be: expected \(expected); remove it "
                + "from the file or correct config.json"
        case .file(let problem): problem.message
        case .content(let problem): problem.message
        case .noWeights(let folder, let found) where found.isEmpty:
            "no weights in \(folder); expected model.safetensors or pytorch_model.bin, or the index "
                + "of several"
        case .noWeights(let folder, let found):
            "\(folder) holds \(found.joined(separator: ", ")), expected model.safetensors or "
                + "pytorch_model.bin, or the index of several; convert it with transformers' "
                + "save_pretrained(folder, safe_serialization=True)"
        }
    }
}

extension WeightFileError {
    /// Whether the machine is at fault, as where a disk is full, not what a user named.
    package var isOfMachine: Bool {
        switch self {
        case .system(_, let code, _): FileProblem.isOfMachine(code)
        case .file(let problem): problem.isOfMachine
        default: false
        }
    }
}
