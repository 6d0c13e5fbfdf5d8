import Files
import Foundation
package import Serving

/// What the board knows of a run that it has started: a file in the run's folder.
package struct RunRecord: Sendable, Equatable {
    package static let fileName = ".board_run.json"

    package var task: BoardForm.Task
    /// The command as it was shown.
    package var command: String
    package var ranks: Int
    /// The machine that it was started on.
    package var host: String
    /// Seconds since 1970.
    package var started: Double
    /// Of Slurm.
    package var job: String?

    package init(
        task: BoardForm.Task, command: String, ranks: Int, host: String, started: Double,
        job: String? = nil
    ) {
        self.task = task
        self.command = command
        self.ranks = ranks
        self.host = host
        self.started = started
        self.job = job
    }

    /// Whether the run was started so lately that its program need not have begun, as on a machine
    /// that is busy.
    var isRecent: Bool { Date().timeIntervalSince1970 - started < 10 }

    /// The record of a folder; `nil` where there is none.
    package init?(in folder: String) {
        guard let bytes = try? RegularFile.bytes(folder + "/" + Self.fileName),
            let value = try? JSONValueReader.read(bytes[...]),
            let task = value["task"]?.string.flatMap(BoardForm.Task.init),
            let command = value["command"]?.string, let host = value["host"]?.string,
            let started = value["started"]?.double
        else { return nil }
        self.init(
            task: task, command: command, ranks: value["ranks"]?.integer ?? 1, host: host,
            started: started, job: value["job"]?.string)
    }

    /// Writes the record whole.
    package func write(in folder: String) throws(ServerProblem) {
        let value = JSONValue.object([
            ("task", .string(task.rawValue)), ("command", .string(command)),
            ("ranks", .int(ranks)), ("host", .string(host)), ("started", .double(started)),
            ("job", job.map { .string($0) } ?? .null),
        ])
        try BoardFile.write(value.text() + "\n", to: folder + "/" + Self.fileName)
    }
}

/// Files that the board writes.
enum BoardFile {
    /// Puts a text in place whole.
    ///
    /// - Throws: 500 with the system's words.
    static func write(_ text: String, to path: String) throws(ServerProblem) {
        let url = URL(fileURLWithPath: path)
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url, options: .atomic)
        } catch {
            throw ServerProblem(500, "cannot write '\(path)': \(error.localizedDescription)")
        }
    }
}
