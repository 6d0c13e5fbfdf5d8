package import Files
import Foundation

/// A run as the files of its folder tell it: nothing else is remembered, so that any page, browser or
/// server sees the same.
package struct RunFolder: Sendable {
    /// What became of a run.
    package enum State: String, Sendable {
        case running, finished, failed
        /// Asked to stop, with a checkpoint; or ended where no more is known.
        case stopped
        /// In a queue of Slurm.
        case queued
        /// Its process is gone and has left no status.
        case lost
    }

    static let statusName = ".board_status"
    static let processName = ".board_process"
    static let scriptName = "board_run.sh"
    package static let logName = "running_log.txt"
    package static let trainerLogName = "trainer_log.jsonl"
    package static let settingsName = "training_args.yaml"
    package static let formName = "llamaboard_config.yaml"

    package let path: String
    package let record: RunRecord?

    package init(_ path: String) {
        self.path = path
        record = RunRecord(in: path)
    }

    // MARK: Finding runs

    /// The folders of runs below `root`, the newest first, and whether there were too many to look at.
    package static func all(below root: String) -> (folders: [String], isCut: Bool) {
        var found: [(path: String, date: Date)] = []
        var looked = 0
        func look(_ folder: String, depth: Int) {
            guard looked < mostFolders else { return }
            looked += 1
            let manager = FileManager.default
            let names = (try? manager.contentsOfDirectory(atPath: folder)) ?? []
            if depth > 0, isRun(Set(names)) {
                let marks = [trainerLogName, logName, settingsName].map { folder + "/" + $0 }
                let dates = (marks + [folder]).compactMap {
                    try? manager.attributesOfItem(atPath: $0)[.modificationDate] as? Date
                }
                found.append((folder, dates.first ?? .distantPast))
                return
            }
            guard depth < deepest else { return }
            for name in names.sorted() where !name.hasPrefix(".") {
                let path = folder + "/" + name
                let attributes = try? manager.attributesOfItem(atPath: path)
                // Links are not followed: they may lead out of the folder, or round in it.
                guard attributes?[.type] as? FileAttributeType == .typeDirectory else { continue }
                look(path, depth: depth + 1)
            }
        }
        look(root, depth: 0)
        return (
            found.sorted { ($0.date, $0.path) > ($1.date, $1.path) }.map(\.path),
            looked >= mostFolders
        )
    }

    private static let mostFolders = 5000
    private static let deepest = 6

    private static func isRun(_ names: Set<String>) -> Bool {
        names.contains(trainerLogName) || names.contains(settingsName)
            || names.contains(RunRecord.fileName)
            || names.contains { $0.hasPrefix("checkpoint-") && $0.hasSuffix(".h5") }
    }

    // MARK: State

    /// What became of the run.
    ///
    /// - Parameter job: the state of a job of Slurm, where it is known.
    package func state(job: String? = nil) -> State {
        if let status { return Self.state(ofStatus: status) }
        if let record {
            if record.job != nil {
                guard let job else { return FolderLock.isHeld(path) ? .running : .lost }
                return job == "PENDING" || job == "CONFIGURING" ? .queued : .running
            }
            if record.host == ProcessInfo.processInfo.hostName {
                return process == nil && !isBeginning(record) ? .lost : .running
            }
            return FolderLock.isHeld(path) || record.isRecent ? .running : .lost
        }
        if FolderLock.isHeld(path) { return .running }
        let manager = FileManager.default
        let isWhole = ["train_results.json", "predict_results.json", "eval_results.json"].contains {
            manager.fileExists(atPath: path + "/" + $0)
        }
        return isWhole ? .finished : .stopped
    }

    /// A status of `lockstep`: see interface of its commands.
    private static func state(ofStatus status: Int) -> State {
        switch status {
        case 0: .finished
        case 75: .stopped
        default: .failed
        }
    }

    /// The exit status that the run's script has noted.
    package var status: Int? { text(Self.statusName).flatMap { Int($0.trimmingWhitespace) } }

    /// Whether the run was started a moment ago and its process cannot be told by its words yet:
    /// the script has not noted it, or it is still the fork of the shell that becomes the program.
    private func isBeginning(_ record: RunRecord) -> Bool {
        guard record.isRecent else { return false }
        guard let number = noted else { return true }
        return kill(number, 0) == 0 || errno == EPERM
    }

    /// The number of the process that the run's script has noted.
    private var noted: Int32? {
        guard let number = text(Self.processName).flatMap({ Int32($0.trimmingWhitespace) }),
            number > 1
        else { return nil }
        return number
    }

    /// The run's process on this machine: alive, and started with the run's settings.
    package var process: Int32? {
        guard let number = noted,
            let line = FileManager.default.contents(atPath: "/proc/\(number)/cmdline")
        else { return nil }
        let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return words.contains { $0.hasSuffix("/" + Self.settingsName) && isOwn($0) } ? number : nil
    }

    private func isOwn(_ file: String) -> Bool { file == path + "/" + Self.settingsName }

    // MARK: Content

    func text(_ name: String) -> String? {
        guard let bytes = try? RegularFile.bytes(path + "/" + name, most: 1 << 24) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The lines of trainer_log.jsonl that are whole.
    package var steps: [JSONValue] {
        guard let bytes = try? RegularFile.bytes(path + "/" + Self.trainerLogName, most: 1 << 28)
        else { return [] }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap {
            try? JSONValueReader.read(Array($0)[...])
        }
    }

    /// The last line that the program wrote for its user: why a run failed, where it did.
    package var lastMessage: String? {
        let lines = tail(bytes: 20_000).split(whereSeparator: \.isNewline)
        return lines.last { $0.hasPrefix("lockstep") }.map(String.init)
            ?? lines.last.map(String.init)
    }

    /// The end of running_log.txt, beginning with a whole line.
    package func tail(bytes count: Int) -> String {
        guard let handle = FileHandle(forReadingAtPath: path + "/" + Self.logName) else {
            return ""
        }
        defer { try? handle.close() }
        let size = (try? handle.seekToEnd()) ?? 0
        let begin = size > UInt64(count) ? size - UInt64(count) : 0
        guard (try? handle.seek(toOffset: begin)) != nil,
            let data = try? handle.readToEnd()
        else { return "" }
        let text = String(decoding: data, as: UTF8.self)
        guard begin > 0, let end = text.firstIndex(where: \.isNewline) else { return text }
        return String(text[text.index(after: end)...])
    }
}
