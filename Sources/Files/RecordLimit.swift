/// How large one record of a file may be, unpacked: a row, a line, an object.
///
/// A record is held in memory several times over while it is read, so a small packed file with one
/// endless record must not take the whole machine.
package struct RecordLimit: Sendable, Equatable {
    /// Bytes of a record.
    package let bytes: Int

    package init(bytes: Int) { self.bytes = bytes }

    /// For every file of users.
    package static let usual = RecordLimit(bytes: 64 << 20)

    /// What is wrong with a larger one, in words that follow its place.
    ///
    /// - Parameter found: its size; `nil` while its end has not been seen.
    package func problem(_ what: String, _ found: Int? = nil) -> String {
        let size = found.map { "\($0) bytes" } ?? "more than \(bytes) bytes"
        return "\(what) of \(size) found, at most \(bytes) expected; divide it into several, or "
            + "write long texts into .txt files, which have no limit"
    }
}
