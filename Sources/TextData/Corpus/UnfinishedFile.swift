import Files
import Foundation

/// A file under a temporary name in its folder, which takes its own name when it is complete. One
/// that goes away unfinished takes its bytes along.
final class UnfinishedFile {
    private let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private var isFinished = false

    /// Begins the file `path`, removing what an interrupted run left under its temporary name.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)``.
    init(_ path: String, temporary: String) throws(CorpusError) {
        self.path = path
        temporaryPath = temporary
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .system(call: "open", code: errno, file: temporary)
        }
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(temporaryPath) }
    }

    /// - Throws: ``CorpusError/system(call:code:file:)``, e.g. where the disk is full.
    func write(_ bytes: UnsafeRawBufferPointer, at place: Int) throws(CorpusError) {
        do throws(FinishedFile.Failure) {
            try WholeWrite.write(bytes, to: descriptor, at: place)
        } catch {
            throw .system(call: error.call, code: error.code, file: path)
        }
    }

    /// Waits until the disk has everything, and renames.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)``.
    func finish() throws(CorpusError) {
        guard fsync(descriptor) == 0 else {
            throw .system(call: "fsync", code: errno, file: temporaryPath)
        }
        try ShardWriter.put(temporaryPath, at: path)
        isFinished = true
    }
}
