import Foundation

/// Files of a folder that are written under another name and take their places together, when all are
/// there, so that a disk without room leaves what was there before.
///
/// They are in `.tmp-<process id>` of the folder until ``commit(last:replaces:)``.
package final class PendingFolder {
    /// The folder.
    package let path: String
    /// Where its files are until ``commit(last:replaces:)``.
    package let temporaryPath: String
    /// Folders that were made for it, the innermost first.
    private let made: [String]
    private var isOpen = true

    /// Makes the folder, unless it is there, and the one within for what is written.
    ///
    /// - Throws: ``FileProblem/system(call:code:file:)``; folders made are then gone again.
    package init(path: String) throws(FileProblem) {
        let made = Self.missing(path)
        let temporaryPath = "\(path)/.tmp-\(getpid())"
        do throws(FileProblem) {
            try PendingFile.makeFolder(path)
            try? FileManager.default.removeItem(atPath: temporaryPath)
            try PendingFile.makeFolder(temporaryPath)
        } catch {
            Self.removeEmpty(made)
            throw error
        }
        self.path = path
        self.temporaryPath = temporaryPath
        self.made = made
    }

    deinit { discard() }

    /// Gives the files their places.
    ///
    /// - Parameters:
    ///   - last: the file that says that a folder is complete; it comes after all others.
    ///   - replaces: whether a file is of those that go by what they are: where one of the new files is, old
    ///     ones of other names are removed.
    /// - Throws: ``FileProblem/system(call:code:file:)``.
    package func commit(last: String, replaces: (String) -> Bool) throws(FileProblem) {
        let files = try Self.files(in: temporaryPath)
        var names: [String: [String]] = [:]
        for file in files {
            let (folder, name) = PendingFile.split(file)
            names[folder, default: []].append(name)
        }
        let folders = names.sorted { $0.key < $1.key }
        for (folder, names) in folders {
            let target = Self.place(folder, in: path)
            try PendingFile.makeFolder(target)
            for name in names where name != last { try put(name, of: folder) }
            guard names.contains(where: replaces) else { continue }
            for name in try PendingFile.names(in: target)
            where replaces(name) && !names.contains(name) {
                guard unlink(target + "/" + name) == 0 else {
                    throw .system(call: "unlink", code: errno, file: target + "/" + name)
                }
            }
        }
        for (folder, names) in folders {
            if names.contains(last) { try put(last, of: folder) }
            try PendingFile.syncFolder(Self.place(folder, in: path))
        }
        isOpen = false
        try? FileManager.default.removeItem(atPath: temporaryPath)
    }

    /// Removes what was written, and the folder if it was made for that; does nothing after
    /// ``commit(last:replaces:)``.
    package func discard() {
        guard isOpen else { return }
        isOpen = false
        try? FileManager.default.removeItem(atPath: temporaryPath)
        Self.removeEmpty(made)
    }

    private func put(_ name: String, of folder: String) throws(FileProblem) {
        let file = Self.place(folder, in: path) + "/" + name
        do throws(FinishedFile.Failure) {
            try FinishedFile.put(Self.place(folder, in: temporaryPath) + "/" + name, at: file)
        } catch {
            throw .system(call: error.call, code: error.code, file: file)
        }
    }

    /// A folder within another; `.` is that one itself.
    private static func place(_ folder: String, in other: String) -> String {
        folder == "." ? other : other + "/" + folder
    }

    /// A folder's files and those of folders within, by their paths from it.
    private static func files(in folder: String) throws(FileProblem) -> [String] {
        var files: [String] = []
        for name in try PendingFile.names(in: folder) {
            let place = folder + "/" + name
            var information = stat()
            guard stat(place, &information) == 0 else {
                throw .system(call: "stat", code: errno, file: place)
            }
            if information.st_mode & S_IFMT == S_IFDIR {
                let inner = try Self.files(in: place)
                files += inner.map { name + "/" + $0 }
            } else {
                files.append(name)
            }
        }
        return files
    }

    /// Those of a path's folders that are not there, the innermost first.
    private static func missing(_ path: String) -> [String] {
        var missing: [String] = []
        var place = path
        while place != "/", place != ".", !FileManager.default.fileExists(atPath: place) {
            missing.append(place)
            place = PendingFile.split(place).folder
        }
        return missing
    }

    private static func removeEmpty(_ folders: [String]) {
        for folder in folders {
            guard rmdir(folder) == 0 else { return }
        }
    }
}
