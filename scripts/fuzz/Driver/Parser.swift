import Foundation

/// A reader of files that other people write, and what to try it with.
struct Parser: Sendable {
    let name: String
    /// Files of the repository that are right, relative to its top.
    let seeds: [String]
    /// Words of the format.
    var words: [String] = []
    /// Reads one input, in a folder of its own that stays between inputs; whether it was read to its
    /// end. A refusal is a good answer; only a crash, a hang or too much memory is not.
    let read: @Sendable ([UInt8], Folder) -> Bool

    /// All of them.
    static let all =
        configurations + tokenizers + templates + weights + adapters + data + prepared + sentences
}

/// The folder in which one parser's inputs are written.
struct Folder: Sendable {
    let path: String

    /// Writes a file and returns its path.
    func file(_ name: String, _ bytes: [UInt8]) -> String {
        let file = path + "/" + name
        // In place: making files anew costs more than what is tried.
        let handle = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(handle) }
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { write(handle, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            done += count
        }
        return file
    }

    /// Copies a file of the repository here, once.
    func copy(_ source: String, as name: String) {
        let file = path + "/" + name
        guard !FileManager.default.fileExists(atPath: file) else { return }
        make((name as NSString).deletingLastPathComponent)
        try? FileManager.default.copyItem(atPath: source, toPath: file)
    }

    /// Makes a folder inside, unless it is there.
    func make(_ name: String) {
        guard !name.isEmpty else { return }
        try? FileManager.default.createDirectory(
            atPath: path + "/" + name, withIntermediateDirectories: true)
    }
}

/// Whether `body` ends without an error.
func isRead(_ body: () throws -> Void) -> Bool {
    do {
        try body()
        return true
    } catch {
        return false
    }
}

/// Bytes as text; invalid UTF-8 becomes U+FFFD, as where the program reads such a file.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
