import Files
import Foundation
package import Serving

/// Starts runs and stops them.
package struct RunStarter: Sendable {
    package let folders: BoardFolders
    /// The path of `lockstep`.
    package let program: String
    package let processors: Int
    /// The file by which a start holds the run's folder.
    private static let lockName = ".board_start.lock"
    private let isRoot = geteuid() == 0
    /// Where Slurm's commands are looked for; `nil` for where the board's own environment says.
    private let searchPath: String?

    package init(
        folders: BoardFolders, program: String, processors: Int, searchPath: String? = nil
    ) {
        self.searchPath = searchPath
        self.folders = folders
        self.program = program
        self.processors = processors
    }

    /// The command of a form, for a run in `folder`.
    package func command(
        _ form: BoardForm, task: BoardForm.Task, folder: String, overrides: [String] = []
    ) throws(ServerProblem) -> RunCommand {
        if !form.text("train.hostfile").isEmpty {
            _ = try folders.path(form.text("train.hostfile"))
        }
        return try RunCommand(
            form, task: task, program: program, file: folder + "/" + RunFolder.settingsName,
            overrides: overrides, processors: processors, isRoot: isRoot)
    }

    /// Writes the run's files and starts it, while no other start, by whichever board, does so in
    /// the same folder.
    ///
    /// - Parameters:
    ///   - settings: YAML; `nil` leaves the folder's.
    ///   - overrides: settings that win over the file's.
    /// - Throws: 409 where the run is under way or is being started.
    package func start(
        _ form: BoardForm, task: BoardForm.Task, settings: String?, in folder: String,
        overrides: [String] = []
    ) throws(ServerProblem) {
        let command = try command(form, task: task, folder: folder, overrides: overrides)
        let lock = try startLock(folder)
        defer { lock.release() }
        // What is read before may be from before another start.
        guard ![.running, .queued].contains(state(of: RunFolder(folder))) else {
            throw ServerProblem(
                409,
                "the run in '\(folders.shown(folder))' is under way; stop it first, or give "
                    + "another name", code: "running")
        }
        if let settings {
            try BoardFile.write(settings, to: folder + "/" + RunFolder.settingsName)
        }
        try BoardFile.write(YAMLText.lines(form.members), to: folder + "/" + RunFolder.formName)
        for name in [RunFolder.statusName, RunFolder.processName] {
            try? FileManager.default.removeItem(atPath: folder + "/" + name)
        }
        let script = folder + "/" + RunFolder.scriptName
        let jobName = folders.name(ofRun: folder).map { character in
            character.isASCII && (character.isLetter || character.isNumber) ? character : "-"
        }
        try BoardFile.write(
            command.script(
                folder: folder, working: folders.working, name: String(jobName.suffix(60))),
            to: script)
        var record = RunRecord(
            task: task, command: command.line, ranks: command.ranks,
            host: ProcessInfo.processInfo.hostName, started: Date().timeIntervalSince1970)
        if command.batchOptions != nil {
            record.job = try submit(script)
            try record.write(in: folder)
        } else {
            try record.write(in: folder)
            try launch(script)
        }
    }

    /// Asks a run to save and stop.
    ///
    /// - Throws: 409 where it is not under way, or on another machine.
    package func stop(_ folder: String) throws(ServerProblem) {
        let run = RunFolder(folder)
        if let job = run.record?.job, run.status == nil {
            let done = try output(of: ["scancel", "--signal=USR1", job])
            guard done.status == 0 else { throw ServerProblem(502, "scancel: \(done.text)") }
            return
        }
        guard let process = run.process else {
            let place = run.record.map { ", which was started on \($0.host)" } ?? ""
            throw ServerProblem(
                409,
                "no process of the run '\(folders.name(ofRun: folder))'\(place) is here to be "
                    + "stopped", code: "not_running")
        }
        // The signal by which lockstep saves and ends with 75; mpirun hands it to all ranks.
        guard kill(process, SIGUSR1) == 0 else {
            throw ServerProblem(500, "kill: \(String(cString: strerror(errno)))")
        }
    }

    /// What became of a run, Slurm's word included.
    package func state(of run: RunFolder) -> RunFolder.State { run.state(job: job(of: run)) }

    /// Slurm's word for a run that has not ended.
    package func job(of run: RunFolder) -> String? {
        guard let job = run.record?.job, run.status == nil,
            let found = try? output(of: ["squeue", "-h", "-j", job, "-o", "%T"]),
            found.status == 0
        else { return nil }
        let word = found.text.trimmingWhitespace
        return word.isEmpty ? nil : word
    }

    /// Takes the folder for a start, by another file than the one by which the run will take it.
    ///
    /// - Throws: 409 where another start has it.
    private func startLock(_ folder: String) throws(ServerProblem) -> FolderLock {
        var timing = FolderLock.Timing()
        // A start that is under way is not waited for: it leaves nothing to be started.
        timing.patience = 0
        do {
            return try FolderLock(
                folder, file: Self.lockName, name: "the run's folder", timing: timing)
        } catch {
            guard case .held(_, _, let holder) = error else {
                throw ServerProblem(500, "\(error)")
            }
            throw ServerProblem(
                409,
                "the run in '\(folders.shown(folder))' is being started by "
                    + "\(holder.description); wait for that, or give another name",
                code: "running")
        }
    }

    private func submit(_ script: String) throws(ServerProblem) -> String {
        let done = try output(of: ["sbatch", "--parsable", script])
        // `job` or `job;cluster`
        let job = done.text.trimmingWhitespace.prefix { $0 != ";" }
        guard done.status == 0, !job.isEmpty, job.allSatisfy(\.isNumber) else {
            throw ServerProblem(502, "sbatch: \(done.text.trimmingWhitespace)")
        }
        return String(job)
    }

    /// Starts a script that outlives the board.
    private func launch(_ script: String) throws(ServerProblem) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [script]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // Threads of a server block signals, and a run that inherited that could not be asked to stop.
        var none = sigset_t()
        var own = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &own)
        defer { pthread_sigmask(SIG_SETMASK, &own, nil) }
        do {
            try process.run()
        } catch {
            throw ServerProblem(500, "the run cannot be started: \(error.localizedDescription)")
        }
    }

    /// What a short command says.
    private func output(
        of words: [String]
    ) throws(ServerProblem) -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        if let searchPath {
            process.environment = ProcessInfo.processInfo.environment
                .merging(["PATH": searchPath]) { $1 }
        }
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        do {
            try process.run()
        } catch {
            throw ServerProblem(500, "\(words[0]): \(error.localizedDescription)")
        }
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
