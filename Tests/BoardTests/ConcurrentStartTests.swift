import Board
import Files
import Foundation
import Serving
import TestSupport
import Testing

/// Several pages or boards that start a run of one name at the same moment.
@Suite struct ConcurrentStartTests {
    private let trial: BoardTrial

    init() throws { trial = try BoardTrial() }

    @Test func ofSeveralRequestsAtOnceOneStartsTheRun() async throws {
        let server = try BoardRoutesTests.server(trial)
        let body = JSONValue.object([
            ("form", .object([("top.model_path", .string("models"))])), ("name", .string("x")),
        ])
        let request = ServerRequest("POST", "/board/api/start", body: Array(body.text().utf8))
        let answers = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<6 { group.addTask { await server.respond(request).status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.sorted() == [200, 409, 409, 409, 409, 409])

        let path = try trial.folders.run("x")
        var states: Set<RunFolder.State> = []
        #expect(
            trial.waits {
                states.insert(trial.state(path))
                return RunFolder(path).process != nil
            })
        #expect(states == [.running])
        #expect(trial.begins(path))
        #expect(try trial.folder.read("saves/x/arguments").split(separator: "\n").count == 1)
        try trial.starter.stop(path)
        #expect(trial.waits { RunFolder(path).status == 75 })
    }

    /// The first board's start stands in sbatch meanwhile.
    @Test func whileOneBoardStartsARunAnotherIsRefused() throws {
        // It goes on after ten seconds by itself, so that no process is left by a test that fails.
        try trial.folder.write(
            "tools/sbatch",
            """
            #!/bin/sh
            here=${0%/*}
            echo begun >>"$here/begun"
            looks=0
            while [ ! -e "$here/go" ] && [ $looks -lt 500 ]; do
                sleep 0.02
                looks=$((looks + 1))
            done
            echo 41

            """)
        let path = try trial.run("x")
        let form = try trial.form([("train.launcher", .string("slurm"))])
        let first = trial.starter
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            try? first.start(form, task: .train, settings: "stage: sft\n", in: path)
        }
        #expect(trial.waits { (try? trial.folder.read("tools/begun")) != nil })

        let second = RunStarter(
            folders: BoardFolders(working: trial.folder.path, runs: "saves"),
            program: trial.folder.path("program"), processors: 2,
            searchPath: trial.folder.path("tools") + ":/usr/bin:/bin")
        let problem = #expect(throws: ServerProblem.self) {
            try second.start(form, task: .train, settings: "stage: pt\n", in: path)
        }
        #expect(problem?.status == 409)
        #expect(problem?.message.contains("is being started by process \(getpid())") == true)
        try trial.folder.write("tools/go")
        group.wait()
        #expect(RunFolder(path).record?.job == "41")
        #expect(try trial.folder.read("tools/begun") == "begun\n")
        #expect(try trial.folder.read("saves/x/training_args.yaml") == "stage: sft\n")
        let left = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(!left.contains { $0.hasPrefix(".board_start.lock") })
    }

    /// A fork of the script's shell is not known by its words until it becomes the program.
    @Test(arguments: [nil, "", "\(getpid())\n"])
    func aRunWhoseProgramHasNotBegunIsUnderWay(_ noted: String?) throws {
        let path = try trial.run("x")
        try record(startedBefore: 0).write(in: path)
        if let noted { try trial.folder.write("saves/x/.board_process", noted) }
        #expect(trial.state(path) == .running && RunFolder(path).process == nil)
        let problem = #expect(throws: ServerProblem.self) {
            try trial.starter.start(
                trial.form(), task: .train, settings: "stage: sft\n", in: path)
        }
        #expect(problem?.status == 409)
        try record(startedBefore: 60).write(in: path)
        #expect(trial.state(path) == .lost)
    }

    @Test func aRunWhoseProcessEndedAtOnceIsLost() throws {
        let path = try trial.run("x")
        try record(startedBefore: 0).write(in: path)
        try trial.folder.write("saves/x/.board_process", "1999999999\n")
        #expect(trial.state(path) == .lost)
    }

    /// Its program takes output_dir a while after the start; its process cannot be seen here.
    @Test func aRunThatAnotherMachineHasJustStartedIsUnderWay() throws {
        let path = try trial.run("x")
        try record(startedBefore: 0, on: "node7").write(in: path)
        #expect(trial.state(path) == .running)
        try record(startedBefore: 60, on: "node7").write(in: path)
        #expect(trial.state(path) == .lost)
    }

    private func record(
        startedBefore seconds: Double, on host: String = ProcessInfo.processInfo.hostName
    ) -> RunRecord {
        RunRecord(
            task: .train, command: "lockstep train", ranks: 1, host: host,
            started: Date().timeIntervalSince1970 - seconds)
    }
}
