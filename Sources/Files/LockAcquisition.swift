import Foundation

/// How a ``FolderLock`` comes by its file.
struct LockAcquisition {
    let folder: String
    /// The lock's file in the folder.
    let path: String
    let name: String
    let record: LockRecord
    let timing: FolderLock.Timing

    private enum Attempt {
        /// The file is this process's; its descriptor.
        case taken(Int32)
        /// A process has it that may be about to end.
        case held(LockRecord)
        /// A process on another machine has it, and goes on counting.
        case counted(LockRecord)
        /// The file changed meanwhile: try again.
        case changed
    }

    /// What is known of the holder that a file names.
    private enum Finding { case alive, gone, changed }

    /// Seconds between two looks at a file.
    private static let glance = 0.2

    /// What a file says; `nil` where it is not there or not whole.
    static func read(_ path: String) -> LockRecord? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap(LockRecord.init(text:))
    }

    /// Removes what processes left that were killed while they took the lock.
    static func removeLeftovers(in folder: String, of file: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(file + ".") {
            let path = folder + "/" + name
            if read(path)?.isAlive == false { unlink(path) }
        }
    }

    /// This process's file before it takes its place.
    private var ownPath: String { path + "." + record.token }

    /// Returns the descriptor of this process's file once that is the lock.
    func run(waiting: (String) -> Void) throws(FolderLockError) -> Int32 {
        let own = try makeOwnFile()
        do throws(FolderLockError) {
            let result = try run(own, waiting: waiting)
            unlink(ownPath)
            return result
        } catch {
            unlink(ownPath)
            close(own)
            throw error
        }
    }

    private func run(
        _ own: Int32, waiting: (String) -> Void
    ) throws(FolderLockError) -> Int32 {
        var waited = 0.0
        while true {
            switch try attempt(own, waiting: waiting) {
            case .taken(let descriptor): return descriptor
            case .counted(let holder): throw .held(name: name, folder: folder, by: holder)
            case .held(let holder) where waited >= timing.patience:
                throw .held(name: name, folder: folder, by: holder)
            case .held, .changed:
                timing.pause(Self.glance)
                waited += Self.glance
            }
        }
    }

    private func makeOwnFile() throws(FolderLockError) -> Int32 {
        let descriptor = open(ownPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw system("open", ownPath) }
        do throws(FinishedFile.Failure) {
            try Array(record.text.utf8).withBytes { bytes throws(FinishedFile.Failure) in
                try WholeWrite.write(bytes, to: descriptor)
            }
        } catch {
            close(descriptor)
            unlink(ownPath)
            throw .system(name: name, call: error.call, code: error.code, path: ownPath)
        }
        // Where the file system knows no locks, the file alone has to do.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return descriptor
    }

    private func attempt(
        _ own: Int32, waiting: (String) -> Void
    ) throws(FolderLockError) -> Attempt {
        if link(ownPath, path) == 0 { return .taken(own) }
        switch errno {
        case EEXIST: break
        case ENOENT:
            // This process's file took the lock's place, and another one's took it after that.
            guard let holder = Self.read(path) else { throw system("link", path) }
            return .held(holder)
        case EPERM, EOPNOTSUPP, ENOSYS, EMLINK:
            // No hard links here; a name can still be given to a file by one process only.
            if let attempt = try moveWithoutLink(own) { return attempt }
        default: throw system("link", path)
        }
        let found = open(path, O_RDWR | O_CLOEXEC)
        guard found >= 0 else {
            guard errno != ENOENT else { return .changed }
            // Another user's: what it says must do.
            guard let holder = Self.read(path) else { throw system("open", path) }
            guard holder.isAlive == false else { return .held(holder) }
            throw system("open", path)
        }
        defer { close(found) }
        guard flock(found, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            return Self.read(path).map(Attempt.held) ?? .changed
        }
        guard let holder = Self.read(path) else {
            // Its maker was killed while it wrote, or is writing.
            timing.pause(Self.glance)
            guard Self.read(path) == nil, isPlace(of: found) else { return .changed }
            return takeOver(own, from: found, isCertain: true)
        }
        switch holder.isAlive {
        case true?: return .held(holder)
        case false?: return takeOver(own, from: found, isCertain: true)
        case nil:
            waiting(
                "\(name) '\(folder)' was taken by \(holder.description); looking for "
                    + "\(Int(timing.watch)) s whether that still runs")
            switch watch(holder) {
            case .alive: return .counted(holder)
            case .changed: return .changed
            case .gone: return takeOver(own, from: found, isCertain: false)
            }
        }
    }

    /// Looks whether a holder elsewhere counts. Opening the file anew makes NFS fetch it.
    private func watch(_ holder: LockRecord) -> Finding {
        var seconds = 0.0
        while seconds < timing.watch {
            timing.pause(1)
            seconds += 1
            guard let now = Self.read(path), now.token == holder.token else { return .changed }
            if now.renewals != holder.renewals { return .alive }
        }
        return .gone
    }

    /// Puts this process's file in the place of one whose holder is gone.
    ///
    /// - Parameter isCertain: whether no process elsewhere can be doing the same.
    private func takeOver(_ own: Int32, from found: Int32, isCertain: Bool) -> Attempt {
        guard isPlace(of: found), rename(ownPath, path) == 0 else { return .changed }
        if !isCertain { timing.pause(1) }
        guard Self.read(path)?.token == record.token else { return .changed }
        return .taken(own)
    }

    /// Whether an open file is still the one that has the lock's name.
    private func isPlace(of descriptor: Int32) -> Bool {
        var (open, named) = (stat(), stat())
        return fstat(descriptor, &open) == 0 && stat(path, &named) == 0
            && open.st_ino == named.st_ino && open.st_dev == named.st_dev
    }

    /// Makes the lock's file itself where it cannot come by a link; `nil` where it is there.
    private func moveWithoutLink(_ own: Int32) throws(FolderLockError) -> Attempt? {
        let place = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard place >= 0 else {
            guard errno == EEXIST else { throw system("open", path) }
            return nil
        }
        close(place)
        guard rename(ownPath, path) == 0 else { throw system("rename", path) }
        return .taken(own)
    }

    private func system(_ call: String, _ path: String) -> FolderLockError {
        .system(name: name, call: call, code: errno, path: path)
    }
}
