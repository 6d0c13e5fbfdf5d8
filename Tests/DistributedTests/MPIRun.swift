import Foundation

/// One mpirun of the test driver and what came of it.
struct MPIRun {
    let status: Int32
    let output: String
    let errors: String
    let seconds: Double

    /// Ranks that came to the end of their scenario.
    var finishedRanks: [Int] {
        lines(output).filter { $0.hasPrefix("ok ") }.compactMap { Int($0.dropFirst(3)) }.sorted()
    }

    /// What lockstep itself said, without mpirun's own words.
    var messages: [String] { lines(errors).filter { $0.hasPrefix("lockstep: ") } }

    /// Runs a scenario of DistributedTestDriver on `ranks` ranks of this machine.
    ///
    /// - Parameter grace: seconds that mpirun gives the survivors of a lost rank before each of its
    ///   signals; its own default of 1 is short on a machine that runs all tests at once.
    init(ranks: Int, _ scenario: String, grace: Int = 1) throws {
        var run = try Self.attempt(ranks, scenario, grace)
        // Seen twice in some thousand runs on a loaded machine: every rank has come to its end, none has
        // said anything, and mpirun returns 1. Once is the launcher's; twice would be ours.
        if run.status == 1, run.messages.isEmpty, run.finishedRanks == Array(0..<ranks) {
            print("mpirun returned 1 for \(scenario) though all ranks finished: \(run.errors)")
            run = try Self.attempt(ranks, scenario, grace)
        }
        self = run
    }

    /// Each rank writes into files of its own: mpirun passes output on in pieces of 4096 bytes, and
    /// another rank's words may come into the middle of a line.
    private static func attempt(_ ranks: Int, _ scenario: String, _ grace: Int) throws -> MPIRun {
        let folder = try temporaryFolder("out")
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = try MPIRun(
            "/usr/bin/env",
            [
                "mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
                "--mca", "odls_base_sigkill_timeout", String(grace),
                "--output-filename", folder.path + ":nocopy", "-np", String(ranks),
                driver.path, scenario,
            ], environment: ProcessInfo.processInfo.environment)
        let ranksFolder = folder.path + "/1/"
        // rank.0, or rank.00 where there are more than ten.
        let ends = try FileManager.default.contentsOfDirectory(atPath: ranksFolder).sorted()
        func texts(_ name: String) throws -> String {
            try ends.map { try String(contentsOfFile: ranksFolder + $0 + name, encoding: .utf8) }
                .joined()
        }
        return MPIRun(
            status: run.status, output: try texts("/stdout"),
            errors: try texts("/stderr") + run.errors,
            seconds: run.seconds)
    }

    private init(status: Int32, output: String, errors: String, seconds: Double) {
        self.status = status
        self.output = output
        self.errors = errors
        self.seconds = seconds
    }

    /// Runs a scenario without mpirun.
    init(alone scenario: String, environment: [String: String]) throws {
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        try self.init(Self.driver.path, [scenario], environment: all)
    }

    private init(
        _ program: String, _ arguments: [String], environment: [String: String]
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let session = try Self.temporaryFolder("ls")
        defer { try? FileManager.default.removeItem(at: session) }
        // mpirun's own files: in a shared folder, a run that ends removes what another has just made.
        process.environment = environment.merging(["OMPI_MCA_orte_tmpdir_base": session.path]) {
            $1
        }
        let files = try [0, 1].map { _ in try Self.temporaryFile() }
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        let start = Date()
        // A thread of the test runner may block signals, and children inherit that.
        var none = sigset_t()
        var own = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &own)
        defer { pthread_sigmask(SIG_SETMASK, &own, nil) }
        try process.run()
        // A run that hangs is a failure of its test, not of the whole suite.
        let limit = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 90, execute: limit)
        process.waitUntilExit()
        limit.cancel()
        seconds = Date().timeIntervalSince(start)
        status = process.terminationStatus
        output = try String(contentsOf: files[0], encoding: .utf8)
        errors = try String(contentsOf: files[1], encoding: .utf8)
    }

    private static func temporaryFolder(_ name: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "\(name)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func temporaryFile() throws -> URL {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-\(UUID().uuidString)")
        try Data().write(to: file)
        return file
    }

    /// The driver stands beside the test bundle.
    private static var driver: URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("DistributedTestDriver")
    }
}

private func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
}
