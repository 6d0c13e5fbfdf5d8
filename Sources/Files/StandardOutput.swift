internal import CFiles
import Foundation

/// Where a command's answer goes: a file on a disk that may be full, a pipe, a terminal.
package enum StandardOutput {
    /// Writes at once. → whether a reader is still there; `head` closes its end of a pipe, for example.
    ///
    /// - Throws: ``FinishedFile/Failure`` where it cannot be written for another reason.
    package static func write(_ text: String) throws(FinishedFile.Failure) -> Bool {
        try write(Array(text.utf8))
    }

    /// Writes bytes, as ``write(_:)-(String)`` writes text.
    package static func write(_ bytes: [UInt8]) throws(FinishedFile.Failure) -> Bool {
        do throws(FinishedFile.Failure) {
            try bytes.withBytes { bytes throws(FinishedFile.Failure) in
                try WholeWrite.write(bytes, to: STDOUT_FILENO)
            }
            return true
        } catch {
            guard error.code == EPIPE else { throw error }
            return false
        }
    }

    /// Why not all that was printed has arrived; `nil` where it has, or where its reader has gone.
    package static func failure() -> FinishedFile.Failure? {
        let code = CFiles_output_failure()
        return code == 0 || code == EPIPE ? nil : FinishedFile.Failure(call: "write", code: code)
    }
}
