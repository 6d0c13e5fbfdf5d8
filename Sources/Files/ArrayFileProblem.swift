/// What is wrong with a file of named arrays: a checkpoint, a file of weights.
package enum ArrayFileProblem: Equatable, Sendable {
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

    /// One line: what was found, what was expected, where, what to do.
    package var message: String {
        switch self {
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
        }
    }
}

/// The error of a room that reads and writes files of named arrays.
package protocol ArrayFileError: Error {
    /// A system call failed; `code` is its errno.
    static func system(call: String, code: Int32, file: String) -> Self
    /// A file is none of bytes, or was cut off while it was read.
    static func file(_ problem: FileProblem) -> Self
    /// What the file holds is not what it has to be.
    static func content(_ problem: ArrayFileProblem) -> Self
}

extension ArrayFileError {
    package static func missing(entry: String, file: String) -> Self {
        .content(.missing(entry: entry, file: file))
    }

    package static func unknown(entry: String, file: String) -> Self {
        .content(.unknown(entry: entry, file: file))
    }

    package static func shape(
        entry: String, found: [Int], expected: [Int], file: String
    ) -> Self {
        .content(.shape(entry: entry, found: found, expected: expected, file: file))
    }

    package static func malformed(detail: String, file: String) -> Self {
        .content(.malformed(detail: detail, file: file))
    }

    package static func unsupportedFormat(found: Int, newest: Int, file: String) -> Self {
        .content(.unsupportedFormat(found: found, newest: newest, file: file))
    }

    package static func unsupportedType(
        entry: String, found: String, supported: String, file: String
    ) -> Self {
        .content(.unsupportedType(entry: entry, found: found, supported: supported, file: file))
    }

    package static func invalidName(name: String, reason: String) -> Self {
        .content(.invalidName(name: name, reason: reason))
    }

    /// What `body` gives; its problem as an error of the room.
    package static func ofFile<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(Self) -> Value {
        do throws(FileProblem) {
            return try body()
        } catch {
            if case .system(let call, let code, let file) = error {
                throw .system(call: call, code: code, file: file)
            }
            throw .file(error)
        }
    }
}
