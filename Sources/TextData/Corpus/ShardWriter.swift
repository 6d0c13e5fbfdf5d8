import Files
import Foundation

/// Writes one shard: complete under its final name, or not there at all.
///
/// Ids go to a temporary file in the same folder. ``finish(_:)`` writes the header, waits until
/// the disk has everything and renames. A writer that goes away unfinished takes its file along.
final class ShardWriter {
    private let path: String
    private let file: UnfinishedFile
    private var checksumSoFar: UInt32 = 0
    private var written = ShardHeader.bytes

    /// Begins the shard `path`, removing what an interrupted run left of it.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)``.
    init(_ path: String) throws(CorpusError) {
        self.path = path
        // The process number keeps two runs by mistake from writing into one file.
        file = try UnfinishedFile(
            path, temporary: "\(path).\(getpid())\(ShardNames.temporarySuffix)")
    }

    /// Adds ids in the shard's own type.
    func append(_ payload: UnsafeRawBufferPointer) throws(CorpusError) {
        try file.write(payload, at: written)
        checksumSoFar = checksum(payload, from: checksumSoFar)
        written += payload.count
    }

    /// Completes the shard and gives it its name; `header`'s checksum is filled in here.
    func finish(_ header: ShardHeader) throws(CorpusError) {
        var header = header
        header.payloadChecksum = checksumSoFar
        precondition(
            header.fileBytes == written,
            "shard: header says \(header.fileBytes) bytes, \(written) written")
        try header.encoded().withBytes { bytes throws(CorpusError) in
            try file.write(bytes, at: 0)
        }
        try file.finish()
        try Self.synchronizeFolder(of: path)
    }

    /// Makes a rename in the folder of `path` last through a power failure.
    private static func synchronizeFolder(of path: String) throws(CorpusError) {
        let folder = (path as NSString).deletingLastPathComponent
        do throws(FinishedFile.Failure) {
            try FinishedFile.syncFolder(folder.isEmpty ? "." : folder)
        } catch {
            throw .system(call: error.call, code: error.code, file: folder)
        }
    }

    /// Gives a complete file its name.
    static func put(_ temporary: String, at path: String) throws(CorpusError) {
        do throws(FinishedFile.Failure) {
            try FinishedFile.put(temporary, at: path)
        } catch {
            throw .system(call: error.call, code: error.code, file: path)
        }
    }

    /// Writes a small file as a whole: temporary name, fsync, rename, fsync of the folder.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)``.
    static func writeFile(_ path: String, _ content: [UInt8]) throws(CorpusError) {
        let temporary = "\(path).\(getpid())\(ShardNames.temporarySuffix)"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .system(call: "open", code: errno, file: temporary)
        }
        do throws(FinishedFile.Failure) {
            defer { close(descriptor) }
            try content.withBytes { bytes throws(FinishedFile.Failure) in
                try WholeWrite.write(bytes, to: descriptor)
            }
            guard fsync(descriptor) == 0 else {
                throw FinishedFile.Failure(call: "fsync", code: errno)
            }
        } catch {
            unlink(temporary)
            throw .system(call: error.call, code: error.code, file: path)
        }
        try put(temporary, at: path)
        try synchronizeFolder(of: path)
    }
}

/// The names of files in a folder of shards.
enum ShardNames {
    static let manifest = "dataset.json"
    static let temporarySuffix = ".tmp"
    private static let prefix = "shard-"
    private static let suffix = ".tokens"

    /// The file name of the shard with a number.
    static func shard(_ index: Int) -> String {
        let digits = String(index)
        return prefix + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + suffix
    }

    /// Whether a file is a shard, or the manifest, that has not reached its final name.
    static func isLeftover(_ name: String) -> Bool {
        name.hasSuffix(temporarySuffix) && (name.hasPrefix(prefix) || name.hasPrefix(manifest))
    }

    /// Whether a file is a shard under its final name.
    static func isShard(_ name: String) -> Bool { name.hasPrefix(prefix) && name.hasSuffix(suffix) }
}
