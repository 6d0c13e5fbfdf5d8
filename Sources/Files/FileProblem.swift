import Foundation

/// Why a file that someone names cannot be read.
package enum FileProblem: Error, Equatable, Sendable {
    /// A system call failed; `code` is its errno.
    case system(call: String, code: Int32, file: String)
    /// Something else than a file of bytes stands there: a pipe, a device, a socket.
    case notRegular(file: String, kind: String)
    /// A name that no file can have.
    case invalidName(file: String)
    /// More bytes than a file of its kind may have.
    case tooLarge(file: String, bytes: Int, most: Int)
    /// The file is not as long as it was when it was listed.
    case changed(file: String)
    /// A packed file cannot be unpacked.
    case damaged(file: String, format: String, problem: String)
    /// What is whole but not read here; `found` names it, `advice` says what to do.
    case unsupported(file: String, found: String, advice: String)
    /// The file has become shorter since it was opened.
    case cutOff(file: String, bytes: Int, found: Int)

    /// The file, as messages name it.
    package var file: String {
        switch self {
        case .system(_, _, let file), .notRegular(let file, _), .tooLarge(let file, _, _),
            .changed(let file), .damaged(let file, _, _), .cutOff(let file, _, _),
            .unsupported(let file, _, _):
            file
        case .invalidName(let file): file.replacing("\0", with: "\\0")
        }
    }

    /// What was found, what was expected and what to do, without the file.
    package var problem: String {
        switch self {
        case .system(let call, let code, _):
            "\(call) failed: \(String(cString: strerror(code)))"
        case .notRegular(_, let kind):
            "\(kind) found, a file expected; write its content into a file first"
        case .invalidName:
            "a path with a NUL character, which no file has; correct the name"
        case .tooLarge(_, let bytes, let most):
            "\(bytes) bytes found, at most \(most) expected of a file of its kind"
        case .changed:
            "changed while it was being read; begin again"
        case .damaged(_, let format, let problem):
            "\(problem); expected a whole \(format) stream, so copy or download it again"
        case .unsupported(_, let found, let advice): "\(found) found; \(advice)"
        case .cutOff(_, let bytes, let found):
            "cut off from \(bytes) to \(found) bytes while it was being read; put the whole file back"
        }
    }

    /// One line.
    package var message: String { "\(file): \(problem)" }
}

extension FileProblem {
    /// One line about a call of the system that failed on a file that is written or that a run needs:
    /// with its errno, and with what to do.
    package static func line(of call: String, code: Int32, file: String) -> String {
        "\(call) failed on \(file): \(String(cString: strerror(code))) (errno \(code))\(advice(code))"
    }

    /// Whether a call of the system failed for a reason that no better setting would have avoided: a
    /// full disk, a limit of file sizes, a broken disk.
    package static func isOfMachine(_ code: Int32) -> Bool {
        [ENOSPC, EDQUOT, EFBIG, EIO].contains(code)
    }

    /// Whether the machine is at fault, not what a user named.
    package var isOfMachine: Bool {
        if case .system(_, let code, _) = self { Self.isOfMachine(code) } else { false }
    }

    private static func advice(_ code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT, EFBIG: "; free space there or choose another folder"
        case EACCES, EPERM, EROFS: "; choose a folder that this user may write"
        case ENOENT: "; check the path"
        case ENOTDIR: "; a part of the path is a file, expected folders"
        default: ""
        }
    }
}
