import Foundation
import Testing

/// Stops in the middle of steps that would take minutes.
@Suite struct StopTests {
    /// Steps of thousands of micro-batches after two short ones.
    private func longSteps() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.trainToEnd(["lr_scheduler_type=constant", "max_steps=2"])
        return folder
    }

    private static let long = [
        "lr_scheduler_type=constant", "gradient_accumulation_steps=6000", "max_steps=4",
    ]

    private func start(_ folder: TrialFolder, ranks: Int, shell: String? = nil) throws
        -> LockstepProcess
    {
        let process = try folder.start(
            TrialFolder.trainArguments(ranks: ranks, output: "out", Self.long), ranks: ranks,
            shell: shell)
        #expect(process.wait { process.errors.contains("resuming from out/checkpoint-2.h5") })
        return process
    }

    private func expectStopped(_ folder: TrialFolder, _ run: LockstepRun, _ before: Data) throws {
        #expect(run.status == 75, "\(run.status): \(run.errors)")
        #expect(
            run.messages.last == "stopped on request after step 2 and before the end of step 3, "
                + "the checkpoint is saved; run the same command again to go on", "\(run.messages)")
        #expect(try folder.data("out/checkpoint-2.h5") == before)
        #expect(folder.names("out").filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-2.h5"])
        #expect(try folder.log().map(\.step) == [1, 2])
    }

    @Test(arguments: [SIGTERM, SIGUSR1, SIGINT])
    func aLongStepIsLeftUnfinished(_ signal: Int32) throws {
        let folder = try longSteps()
        let before = try folder.data("out/checkpoint-2.h5")
        let process = try start(folder, ranks: 1)
        process.send(signal)
        try expectStopped(folder, try process.finish(), before)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func launchMakesAGoodStopOfASignalToMpirun(_ signal: Int32) throws {
        let folder = try longSteps()
        let before = try folder.data("out/checkpoint-2.h5")
        // The ninth word is the program.
        let process = try start(folder, ranks: 2, shell: "set -- \"$9\" launch \"$@\"")
        process.send(signal)
        let run = try process.finish()
        try expectStopped(folder, run, before)
        #expect(
            run.messages.first?.hasSuffix(
                ": the run is asked to save and stop (SIGUSR1); a second signal ends it at once")
                == true)
    }

    @Test func sigtermToMpirunItselfIsExplained() throws {
        let folder = try longSteps()
        let before = try folder.data("out/checkpoint-2.h5")
        let process = try start(folder, ranks: 2)
        process.send(SIGTERM)
        let run = try process.finish()
        #expect(run.status == 1, "Open MPI's own")
        #expect(run.says("start mpirun by `lockstep launch mpirun …` or send SIGUSR1"))
        #expect(try folder.data("out/checkpoint-2.h5") == before)
    }

    @Test func aStopInTheFirstStepOfAllHasNothingToSave() throws {
        let folder = try TrialFolder()
        let process = try folder.start(
            TrialFolder.trainArguments(ranks: 1, output: "out", Self.long))
        #expect(process.wait { process.errors.contains("trainable parameters") })
        process.send(SIGTERM)
        let run = try process.finish()
        #expect(run.status == 75)
        #expect(
            run.messages == [
                "stopped on request before the end of the first step; run the same command again "
                    + "to begin"
            ])
    }

    @Test func launchReturnsTheCommandsStatus() throws {
        let folder = try TrialFolder()
        for (command, status) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137)] {
            let run = try folder.run(["launch", "bash", "-c", command])
            #expect(run.status == Int32(status))
        }
        #expect(try folder.run(["launch"]).status == 2)
        #expect(try folder.run(["launch", "no-such-program"]).status == 127)
    }

    @Test func aRunThatSavesNothingSaysSoWhenItIsStopped() throws {
        let folder = try TrialFolder()
        let process = try folder.start(
            TrialFolder.trainArguments(
                ranks: 1, output: "out", ["max_steps=100000", "save_strategy=no"]))
        #expect(process.wait { ((try? folder.log().last?.step) ?? 0) >= 3 })
        process.send(SIGTERM)
        let run = try process.finish()
        #expect(run.status == 1)
        #expect(run.messages.first?.contains("save_strategy: no keeps no checkpoint") == true)
    }
}
