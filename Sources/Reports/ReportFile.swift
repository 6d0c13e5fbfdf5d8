import Files
package import Foundation

/// Writes a report whole or not at all.
package enum ReportFile {
    /// Puts `data` at `path` by a temporary name in the same folder and a rename, so that a reader
    /// sees the old file or the new one. Makes the folder if it is not there. What a killed run
    /// leaves under the temporary name, the next write replaces.
    ///
    /// - Throws: ``ReportError/write(file:reason:)``.
    package static func write(_ data: Data, to path: String) throws(ReportError) {
        let url = URL(fileURLWithPath: path)
        let temporary = url.deletingLastPathComponent()
            .appendingPathComponent(".\(url.lastPathComponent).part")
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: temporary)
        } catch {
            try? FileManager.default.removeItem(at: temporary)
            throw .write(file: path, reason: reason(error))
        }
        do throws(FinishedFile.Failure) {
            try FinishedFile.put(temporary.path, at: url.path)
        } catch {
            throw .write(file: path, reason: String(cString: strerror(error.code)))
        }
    }

    /// The system's own words for an error of Foundation.
    package static func reason(_ error: any Error) -> String {
        let cocoa = error as NSError
        let inner = cocoa.userInfo[NSUnderlyingErrorKey] as? NSError ?? cocoa
        if inner.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(inner.code)))
        }
        return cocoa.localizedDescription
    }
}
