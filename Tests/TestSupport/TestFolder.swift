import Foundation

/// A folder that goes away with the test.
package final class TestFolder {
    package let path: String

    package init() {
        path =
            FileManager.default.temporaryDirectory.path + "/lockstep-corpus-" + UUID().uuidString
        try! FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of something inside.
    package func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Writes a file, with the folders it needs, and returns its path.
    @discardableResult
    package func write(_ name: String, _ bytes: [UInt8]) -> String {
        let file = self(name)
        try! FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try! Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    @discardableResult
    package func write(_ name: String, _ text: String) -> String { write(name, Array(text.utf8)) }

    /// The names in a folder inside, sorted.
    package func names(_ folder: String = "") -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: self(folder)))?.sorted() ?? []
    }

    package func bytes(_ name: String) -> [UInt8] { readBytes(self(name)) }
}

package func readBytes(_ path: String) -> [UInt8] {
    Array(FileManager.default.contents(atPath: path) ?? Data())
}
