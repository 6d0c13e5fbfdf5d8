import Foundation

/// A `lockstep` process, or an mpirun of several, under way.
final class LockstepProcess {
    private let process = Process()
    private let files: [URL]
    private let session: URL
    /// Kept open for as long as the process may read from it.
    private let terminal: PseudoTerminal?

    /// Starts the program that stands beside the test bundle.
    ///
    /// - Parameters:
    ///   - ranks: under mpirun where above 1; 1 runs without it.
    ///   - folder: the working folder, from which relative paths in arguments count.
    ///   - input: what the program reads from stdin.
    ///   - terminal: which is stdin in place of `input`.
    ///   - shell: a command of bash that comes before the program's, such as a limit.
    init(
        _ arguments: [String], ranks: Int = 1, in folder: String,
        environment: [String: String] = [:], input: String? = nil,
        terminal: PseudoTerminal? = nil, shell: String? = nil
    ) throws {
        let launcher =
            ranks == 1
            ? []
            : [
                "mpirun", "-q", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
                "-np", String(ranks),
            ]
        session = try Self.sessionFolder()
        self.terminal = terminal
        var command = launcher + [Self.program] + arguments
        if let shell { command = ["bash", "-c", shell + "; exec \"$@\"", "bash"] + command }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = ProcessInfo.processInfo.environment
            // Ranks outnumber the processors of a test machine: those that wait must give way.
            .merging(["OMPI_MCA_mpi_yield_when_idle": "1"]) { $1 }
            .merging(["OMPI_MCA_orte_tmpdir_base": session.path]) { $1 }
            .merging(environment) { $1 }
        let temporary = FileManager.default.temporaryDirectory
        files = try ["in", "out", "err"].map {
            let file = temporary.appendingPathComponent("lockstep-\(UUID().uuidString).\($0)")
            try Data(($0 == "in" ? input ?? "" : "").utf8).write(to: file)
            return file
        }
        process.standardInput = try terminal?.device ?? FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        // A thread of the test runner may block signals, and children inherit that.
        var none = sigset_t()
        var own = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &own)
        defer { pthread_sigmask(SIG_SETMASK, &own, nil) }
        try process.run()
    }

    deinit {
        for file in files + [session] { try? FileManager.default.removeItem(at: file) }
    }

    /// A folder for mpirun's own files. In a shared one, a run that ends removes what another that
    /// begins has just made, and that one ends with an error. The path is short: sockets lie in it.
    private static func sessionFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "ls-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    var isRunning: Bool { process.isRunning }

    /// Whether a signal ended it, which it did not handle.
    var wasKilled: Bool { process.terminationReason == .uncaughtSignal }

    /// What has been written to stdout so far.
    var output: String { (try? String(contentsOf: files[1], encoding: .utf8)) ?? "" }

    /// What has been written to stderr so far.
    var errors: String { (try? String(contentsOf: files[2], encoding: .utf8)) ?? "" }

    /// Process ids of the ranks, in the order in which mpirun started them; alone, the process's.
    var ranks: [pid_t] {
        if Self.isAlive(process.processIdentifier) { return [process.processIdentifier] }
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.sorted().filter {
            Self.status(of: $0)?.parent == process.processIdentifier
        }
    }

    /// Whether a rank ends within ten seconds: mpirun may go before those that it has killed.
    static func ends(_ id: pid_t) -> Bool {
        for _ in 0..<10_000 {
            guard isAlive(id) else { return true }
            usleep(1000)
        }
        return false
    }

    /// Whether a process of lockstep is there and has not ended.
    private static func isAlive(_ id: pid_t) -> Bool {
        status(of: id).map { $0.state != "Z" } ?? false
    }

    /// State and parent of a process of lockstep; `nil` for others.
    private static func status(of id: pid_t) -> (state: Substring, parent: pid_t)? {
        guard let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
            text.contains("(lockstep)"), let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 2, let parent = pid_t(fields[2]) else { return nil }
        return (fields[1], parent)
    }

    /// Sends a signal to the process itself: lockstep, or mpirun.
    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits, looking again and again, until `condition` holds or the process has ended.
    ///
    /// - Returns: whether the condition came to hold.
    func wait(until condition: () -> Bool) -> Bool {
        while process.isRunning {
            if condition() { return true }
            usleep(1000)
        }
        return condition()
    }

    /// Waits for the end. A process that hangs is ended, a failure of its test.
    func finish() throws -> LockstepRun {
        let id = process.processIdentifier
        let limit = DispatchWorkItem { kill(id, SIGTERM) }
        DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: limit)
        process.waitUntilExit()
        limit.cancel()
        return LockstepRun(
            status: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
    }

    private static var program: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("lockstep").path
    }
}

/// What came of a `lockstep` process.
struct LockstepRun {
    let status: Int32
    let output: String
    let errors: String

    /// The lines of stderr in which lockstep says why it ends.
    var messages: [String] {
        errors.split(separator: "\n").filter { $0.hasPrefix("lockstep: ") }
            .map { String($0.dropFirst("lockstep: ".count)) }
    }

    /// Whether stderr holds a line with this text.
    func says(_ text: String) -> Bool {
        errors.split(separator: "\n").contains { $0.contains(text) }
    }
}
