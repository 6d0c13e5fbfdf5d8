package import Foundation
import Synchronization

/// A folder held by one process at a time, on network file systems too, until it ends, however.
///
/// The lock is a file in the folder that names its holder. It comes about whole by a hard link,
/// which one of several succeeds with. The holder also locks it with `flock`, which the kernel
/// gives back when the process dies, and counts in it every few seconds. Of a file that is found,
/// the holder is gone if `flock` is free and, on the same machine, its process is not there any
/// more; on another one, if the count stands still for longer than it ever does. Then the new
/// holder's file takes its place.
package final class FolderLock: Sendable {
    /// How long things take; tests choose their own.
    package struct Timing: Sendable {
        /// Seconds between two counts of a holder.
        package var renewal = 5.0
        /// Seconds in which a holder on another machine must be seen to count.
        package var watch = 20.0
        /// Seconds in which a holder on this machine may still end.
        package var patience = 2.0
        /// Waits for so many seconds.
        package var pause: @Sendable (Double) -> Void = { Thread.sleep(forTimeInterval: $0) }

        package init() {}
    }

    /// The lock's file in the folder of a run or of its data.
    package static let fileName = ".lockstep.lock"

    private struct State {
        var renewals = 0
        var isReleased = false
        var loss: FolderLockError?
    }

    private let name: String
    private let folder: String
    /// The lock's file.
    private let path: String
    private let record: LockRecord
    private let descriptor: Int32
    /// Folders that were made for it, the innermost first.
    private let made: [String]
    private let state = Mutex(State())

    /// Takes the folder, making it where it is not there.
    ///
    /// - Parameters:
    ///   - file: the lock's file in the folder; locks with different files are held side by side.
    ///   - name: what the user calls the folder, such as `output_dir`.
    ///   - waiting: called with a line for the user before a wait for a holder on another machine.
    /// - Throws: ``FolderLockError/held(name:folder:by:)`` and
    ///   ``FolderLockError/system(name:call:code:path:)``; folders made are then gone again.
    package init(
        _ folder: String, file: String = FolderLock.fileName, name: String,
        command: String = CommandLine.arguments.joined(separator: " "),
        timing: Timing = Timing(), waiting: (String) -> Void = { _ in }
    ) throws(FolderLockError) {
        let record = LockRecord(command: command)
        let path = folder + "/" + file
        let made = try Self.makeFolder(folder, name: name)
        do throws(FolderLockError) {
            let acquisition = LockAcquisition(
                folder: folder, path: path, name: name, record: record, timing: timing)
            descriptor = try acquisition.run(waiting: waiting)
        } catch {
            for path in made { rmdir(path) }
            throw error
        }
        self.name = name
        self.folder = folder
        self.path = path
        self.record = record
        self.made = made
        LockAcquisition.removeLeftovers(in: folder, of: file)
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        timer.schedule(deadline: .now() + timing.renewal, repeating: timing.renewal)
        timer.setEventHandler { [weak self] in
            // The handler keeps its timer until the lock is gone.
            guard let self, self.renew() else { return timer.cancel() }
        }
        timer.resume()
    }

    deinit { release() }

    /// Whether some process holds the folder by ``fileName``. One on another machine does while its
    /// file is seen to be written: it counts every few seconds.
    package static func isHeld(_ folder: String, now: Date = Date()) -> Bool {
        let path = folder + "/" + fileName
        guard let record = LockAcquisition.read(path) else { return false }
        if let isAlive = record.isAlive { return isAlive }
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let written = attributes?[.modificationDate] as? Date else { return false }
        return now.timeIntervalSince(written) < Timing().watch * 3
    }

    /// What became of the lock, where it is no longer this process's.
    package var loss: FolderLockError? { state.withLock { $0.loss } }

    /// Gives the folder back; folders that were made for the lock and are empty go.
    package func release() {
        let isFirst = state.withLock { state in
            defer { state.isReleased = true }
            return !state.isReleased
        }
        guard isFirst else { return }
        if LockAcquisition.read(path)?.token == record.token { unlink(path) }
        close(descriptor)
        for path in made { rmdir(path) }
    }

    /// Counts, and notices where another process has taken the folder. Called by the timer.
    ///
    /// - Returns: whether the lock is still held.
    @discardableResult
    package func renew() -> Bool {
        state.withLock { state in
            guard !state.isReleased, state.loss == nil else { return false }
            // A folder that is out of reach for a while is still this process's.
            if let found = LockAcquisition.read(path),
                found.token != record.token
            {
                state.loss = .lost(name: name, folder: folder, to: found)
                return false
            }
            state.renewals += 1
            var record = record
            record.renewals = state.renewals
            let bytes = Array(record.renewalText.utf8)
            let offset = record.text.utf8.count - LockRecord.renewalOffset
            // Where it cannot be written, a disk is full or away: the next count may succeed.
            _ = pwrite(descriptor, bytes, bytes.count, off_t(offset))
            return true
        }
    }

    /// Makes a folder and those above it; returns those that were not there, the innermost first.
    private static func makeFolder(
        _ folder: String, name: String
    ) throws(FolderLockError) -> [String] {
        var missing: [String] = []
        var url = URL(fileURLWithPath: folder).standardizedFileURL
        while !FileManager.default.fileExists(atPath: url.path), url.path != "/" {
            missing.append(url.path)
            url.deleteLastPathComponent()
        }
        for (index, path) in missing.enumerated().reversed() where mkdir(path, 0o777) != 0 {
            let code = errno
            // Somebody else may make it at the same moment.
            if code == EEXIST { continue }
            for path in missing[(index + 1)...] { rmdir(path) }
            throw .system(name: name, call: "mkdir", code: code, path: path)
        }
        return missing
    }
}
