import Foundation

/// Writes all of some bytes to an open file.
///
/// A call of the system may write only a part: Linux at most 0x7ffff000 bytes, a network file system or
/// an interrupted call fewer. A part says nothing about the disk.
package enum WholeWrite {
    /// Writes `bytes` at a place of an open file, or one after the other where it is `nil`.
    ///
    /// - Throws: ``FinishedFile/Failure`` with the system's errno; ENOSPC where it takes nothing and says
    ///   no reason.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at place: Int? = nil
    ) throws(FinishedFile.Failure) {
        try all(of: bytes) { rest, done in
            if let place {
                return pwrite(descriptor, rest.baseAddress, rest.count, off_t(place + done))
            }
            return Foundation.write(descriptor, rest.baseAddress, rest.count)
        }
    }

    /// Calls `call` with what is left and the number of bytes written until nothing is left.
    ///
    /// - Parameter call: one call of the system: what it wrote, or a negative number and errno.
    package static func all(
        of bytes: UnsafeRawBufferPointer,
        _ call: (_ rest: UnsafeRawBufferPointer, _ done: Int) -> Int
    ) throws(FinishedFile.Failure) {
        var done = 0
        while done < bytes.count {
            let count = call(UnsafeRawBufferPointer(rebasing: bytes[done...]), done)
            if count > 0 {
                done += count
                continue
            }
            let code = count == 0 ? ENOSPC : errno
            guard code == EINTR else { throw FinishedFile.Failure(call: "write", code: code) }
        }
    }
}
