import Board
import Files
import Foundation
import Serving
import TestSupport
import Testing

@Suite struct RunStarterTests {
    private let trial: BoardTrial

    init() throws { trial = try BoardTrial() }

    private func start(
        _ name: String = "m/lora/x", marks: [String] = [], fields: [JSONValue.Member] = []
    ) throws -> String {
        let path = try trial.run(name)
        for mark in marks { try trial.folder.write("saves/\(name)/\(mark)") }
        try trial.starter.start(
            trial.form(fields), task: .train, settings: "stage: sft\n", in: path)
        return path
    }

    @Test func aRunIsStartedAndSavedAndStopped() throws {
        let path = try start()
        #expect(trial.begins(path))
        #expect(trial.state(path) == .running)
        #expect(try trial.folder.read("saves/m/lora/x/training_args.yaml") == "stage: sft\n")
        let form = try trial.folder.read("saves/m/lora/x/llamaboard_config.yaml")
        #expect(form.contains("top.model_path: models\n"))
        try trial.starter.stop(path)
        #expect(trial.waits { RunFolder(path).status != nil })
        let run = RunFolder(path)
        #expect(run.status == 75 && trial.state(path) == .stopped && run.process == nil)
        #expect(run.lastMessage == "lockstep: stopped on request, the checkpoint is saved")
    }

    @Test func aSecondBoardFindsARunThatAnotherStarted() throws {
        let path = try start()
        #expect(trial.begins(path))
        let second = RunStarter(
            folders: BoardFolders(working: trial.folder.path, runs: "saves"),
            program: trial.folder.path("program"), processors: 2)
        #expect(second.state(of: RunFolder(path)) == .running)
        #expect(RunFolder(path).record?.command.contains("training_args.yaml") == true)
        try second.stop(path)
        #expect(trial.waits { trial.state(path) == .stopped })
    }

    @Test(arguments: [("ends", RunFolder.State.finished), ("fails", .failed)])
    func aRunsEndIsToldByItsStatus(_ mark: String, _ state: RunFolder.State) throws {
        let path = try start(marks: [mark])
        #expect(trial.waits { RunFolder(path).status != nil })
        #expect(trial.state(path) == state)
        if state == .failed {
            #expect(RunFolder(path).lastMessage == "lockstep: rank 0: disk full")
        }
    }

    @Test func aRunThatIsUnderWayIsNotStartedTwice() throws {
        let path = try start()
        #expect(trial.begins(path))
        do throws(ServerProblem) {
            try trial.starter.start(
                BoardForm(.object([("top.model_path", .string("m"))])), task: .train,
                settings: "x: 1\n", in: path)
            Issue.record("started twice")
        } catch {
            #expect(error.status == 409)
        }
        #expect(try trial.folder.read("saves/m/lora/x/training_args.yaml") == "stage: sft\n")
        try trial.starter.stop(path)
        #expect(trial.waits { RunFolder(path).status != nil })
    }

    @Test func aRunWhoseProcessIsGoneIsLostAndIsNotStopped() throws {
        let path = try start(marks: ["ends"])
        #expect(trial.waits { RunFolder(path).status != nil })
        try FileManager.default.removeItem(atPath: path + "/.board_status")
        #expect(trial.state(path) == .lost)
        // Another process may have got the number since.
        try trial.folder.write("saves/m/lora/x/.board_process", "\(getpid())\n")
        var record = try #require(RunRecord(in: path))
        record.started -= 3600
        try record.write(in: path)
        #expect(trial.state(path) == .lost)
        #expect(throws: ServerProblem.self) { try trial.starter.stop(path) }
    }

    @Test func overridesComeAfterTheFile() throws {
        let path = try trial.run("a")
        try trial.folder.write("saves/a/ends")
        try trial.starter.start(
            trial.form(), task: .train, settings: "x: 1\n", in: path,
            overrides: ["resume_from_checkpoint=saves/a/checkpoint-4.h5"])
        #expect(trial.waits { RunFolder(path).status != nil })
        #expect(
            try trial.folder.read("saves/a/arguments").hasSuffix(
                "training_args.yaml resume_from_checkpoint=saves/a/checkpoint-4.h5\n"))
    }

    @Test func severalRanksAreStartedByMPIRunThatIsStoppedWell() throws {
        let command = try trial.starter.command(
            trial.form([("train.device_count", .string("3"))]), task: .train, folder: "/r/a b")
        #expect(command.ranks == 3)
        #expect(Array(command.words[1...4]) == ["launch", "mpirun", "-q", "-np"])
        #expect(command.words[5] == "3" && command.words.contains("--oversubscribe"))
        #expect(command.line.hasSuffix("train '/r/a b/training_args.yaml'"))
        for count in ["0", "5000", "1; rm"] {
            #expect(throws: ServerProblem.self) {
                let form = try trial.form([("train.device_count", .string(count))])
                _ = try trial.starter.command(form, task: .train, folder: "/r")
            }
        }
    }

    @Test func aWordIsQuotedForTheShell() {
        #expect(RunCommand.quoted("a b'$(x)`") == "'a b'\\''$(x)`'")
        #expect(RunCommand.quoted("plain-1.0/x=y") == "plain-1.0/x=y")
        #expect(RunCommand.quoted("") == "''")
    }

    @Test func aBatchScriptIsSubmittedFollowedAndSignalled() throws {
        let path = try start(
            "batch",
            fields: [
                ("train.launcher", .string("slurm")), ("slurm.nodes", .string("2")),
                ("slurm.ntasks_per_node", .string("4")), ("slurm.time", .string("1:00:00")),
            ])
        let script = try trial.folder.read("saves/batch/board_run.sh")
        for line in [
            "#SBATCH --nodes=2", "#SBATCH --ntasks-per-node=4", "#SBATCH --time=1:00:00",
            "#SBATCH --signal=USR1@180", "#SBATCH --job-name=batch",
        ] {
            #expect(script.contains(line + "\n"))
        }
        #expect(script.contains("srun --mpi=pmix --kill-on-bad-exit=1 "))
        #expect(RunFolder(path).record?.job == "41" && RunFolder(path).record?.ranks == 8)
        #expect(trial.state(path) == .running)
        try trial.starter.stop(path)
        try trial.folder.write("saves/batch/.board_status", "75\n")
        #expect(trial.state(path) == .stopped)
    }

    @Test(arguments: ["a b", "x\n#SBATCH --uid=0", "$(x)", "'"])
    func whatSlurmIsAskedForIsOneWord(_ text: String) throws {
        let form = try trial.form([
            ("train.launcher", .string("slurm")), ("slurm.partition", .string(text)),
        ])
        #expect(throws: ServerProblem.self) {
            _ = try trial.starter.command(form, task: .train, folder: "/r")
        }
    }
}
