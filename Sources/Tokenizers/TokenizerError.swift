package import Files

/// Why a tokenizer could not be read, written or trained.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// No tokenizer at a path.
    case notFound(path: String)
    /// A file exists but could not be read.
    case unreadable(path: String, reason: String)
    /// A folder or file could not be written.
    case cannotWrite(FileProblem)
    /// Not JSON: what was found at a byte of the text.
    case malformed(file: String, byte: Int, found: String, expected: String)
    /// A key is absent or holds another kind of value.
    case invalid(file: String, key: String, found: String, expected: String)
    /// A valid tokenizer of a kind that Lockstep does not run.
    case unsupported(file: String, key: String, found: String, supported: String)
    /// A key that could change ids or texts and is not used.
    case unused(UnusedKey)
    /// A text, or a pair, that cannot be cut to the length asked for.
    case tooLong(length: Int, limit: Int, strategy: String)
    /// A setting of the trainer that cannot work.
    case training(setting: String, found: String, expected: String)

    package var description: String {
        switch self {
        case .notFound(let path):
            "tokenizer: nothing at \(path), expected a folder with tokenizer.json or that file"
                + " itself; check the path or train one with `lockstep tokenizer train`"
        case .unreadable(let path, let reason):
            "tokenizer: cannot read \(path): \(reason); check the file and its permissions"
        case .cannotWrite(.system(let call, let code, let file)):
            "tokenizer: " + FileProblem.line(of: call, code: code, file: file)
        case .cannotWrite(let problem): "tokenizer: \(problem.message)"
        case .malformed(let file, let byte, let found, let expected):
            "\(file): byte \(byte): found \(found), expected \(expected); the file is damaged or"
                + " not JSON"
        case .invalid(let file, let key, let found, let expected):
            "\(file): \(key): found \(found), expected \(expected); use a tokenizer.json written"
                + " by Hugging Face tokenizers"
        case .unsupported(let file, let key, let found, let supported):
            "\(file): \(key): \(found) is not supported, only \(supported); use another tokenizer"
                + " or train one with `lockstep tokenizer train`"
        case .unused(let key):
            key.message.replacing(
                "what the model computes", with: "the tokens of a text, or their text")
        case .tooLong(let length, let limit, let strategy):
            "tokenizer: found \(length) tokens, at most \(limit) fit, and truncation by"
                + " \(strategy) cannot take off enough; allow more tokens or another truncation"
        case .training(let setting, let found, let expected):
            "tokenizer training: \(setting): found \(found), expected \(expected)"
        }
    }
}

extension TokenizerError {
    /// Whether the machine is at fault, as where a disk is full, not what a user named.
    package var isOfMachine: Bool {
        if case .cannotWrite(let problem) = self { problem.isOfMachine } else { false }
    }
}
