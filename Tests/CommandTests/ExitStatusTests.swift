import Foundation
import Testing

@Suite struct ExitStatusTests {
    /// Settings under which losses do not depend on where the run is to end.
    private static let endless = [
        "lr_scheduler_type=constant", "warmup_steps=0", "save_steps=100000",
    ]

    /// Stops a long run by `signal`, goes on, and compares with a run that nobody stopped.
    private func stopAndGoOn(ranks: Int, _ signal: Int32) throws {
        let folder = try TrialFolder()
        let process = try folder.start(
            TrialFolder.trainArguments(
                ranks: ranks, output: "out", Self.endless + ["max_steps=100000"]), ranks: ranks)
        let started = process.wait { ((try? folder.log().last?.step) ?? 0) >= 3 }
        #expect(started, "\(process.errors)")
        process.send(signal)
        let run = try process.finish()
        #expect(run.status == 75, "\(run.status): \(run.messages)")
        let step = try #require(try folder.log().last?.step)
        #expect(
            run.messages == [
                "stopped on request after step \(step), the checkpoint is saved; run the same "
                    + "command again to go on"
            ])
        try goOn(folder, ranks: ranks, from: step)
    }

    private func goOn(_ folder: TrialFolder, ranks: Int, from step: Int) throws {
        #expect(
            folder.names("out").filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-\(step).h5"])
        let end = Self.endless + ["max_steps=\(step + 4)"]
        let run = try folder.train(ranks: ranks, end)
        #expect(run.status == 0 && run.says("resuming from out/checkpoint-\(step).h5"))
        try folder.trainToEnd(ranks: ranks, output: "whole", end)
        try expectSameRun(folder, "out", "whole", step: step + 4)
    }

    @Test func sigtermStopsASingleProcessWithACheckpoint() throws {
        try stopAndGoOn(ranks: 1, SIGTERM)
    }

    @Test func sigusr1StopsASingleProcessWithACheckpoint() throws {
        try stopAndGoOn(ranks: 1, SIGUSR1)
    }

    @Test func sigusr1ToMpirunStopsAllRanksAfterTheSameStep() throws {
        try stopAndGoOn(ranks: 2, SIGUSR1)
    }

    @Test func maxTimeStopsAllRanksAfterTheSameStep() throws {
        let folder = try TrialFolder()
        let run = try folder.train(
            ranks: 2, Self.endless + ["max_steps=100000", "--max-time", "0:00:01"])
        #expect(run.status == 75)
        try goOn(folder, ranks: 2, from: try #require(try folder.log().last?.step))
    }

    @Test func aRunWithoutTimeMakesOneStepAtATime() throws {
        let folder = try TrialFolder()
        for step in 1...3 {
            let run = try folder.train(["--max-time", "1e-6", "max_steps=4"])
            #expect(run.status == 75)
            #expect(try folder.log().map(\.step) == Array(1...step))
        }
        // The last step ends the run, whether or not its time is up.
        #expect(try folder.train(["--max-time", "1e-6", "max_steps=4"]).status == 0)
        try folder.trainToEnd(output: "whole", ["max_steps=4"])
        try expectSameRun(folder, "out", "whole", step: 4)
    }

    /// Where the same command would begin at step 0 or go back, the line says what goes on.
    @Test(arguments: [
        ("overwrite_output_dir=true", "overwrite_output_dir=false"),
        ("resume_from_checkpoint=false", "resume_from_checkpoint=true"),
        ("resume_from_checkpoint=out/checkpoint-1.h5", "resume_from_checkpoint=true"),
    ])
    func aStoppedRunSaysWhatMakesItGoOn(_ setting: String, _ advice: String) throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=1", "lr_scheduler_type=constant"])
        let short = ["--max-time", "1e-6", "lr_scheduler_type=constant"]
        let run = try folder.train(short + [setting])
        #expect(run.status == 75)
        let step = try #require(try folder.log().last?.step)
        #expect(
            run.messages == [
                "stopped on request after step \(step), the checkpoint is saved; run it again with "
                    + "\(advice) to go on"
            ])
        let on = try folder.train(short + [setting, advice])
        #expect(on.says("resuming from out/checkpoint-\(step).h5"), "\(on.errors)")
        #expect(try folder.log().last?.step == step + 1)
    }

    @Test func ranksThatDoNotSeeEachOtherAreRefused() throws {
        let folder = try TrialFolder()
        let environment = ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"]
        for command in [["train", "run.yaml"], ["prepare", "run.yaml"], ["doctor"]] {
            let run = try folder.run(command, environment: environment)
            #expect(run.status == 2)
            #expect(run.messages.count == 1)
            #expect(
                run.messages.first?.hasPrefix(
                    "the launcher started 2 processes (OMPI_COMM_WORLD_SIZE) but MPI sees only "
                        + "itself; start lockstep with the mpirun of Open MPI") == true)
        }
        // The other copy ends as silently as it would have trained.
        let other = try folder.run(
            ["train", "run.yaml"],
            environment: environment.merging(["OMPI_COMM_WORLD_RANK": "1"]) { $1 })
        #expect(other.status == 2 && other.errors.isEmpty)
        #expect(!folder.exists("out"))
    }

    @Test func ranksWithDifferentConfigurationsAreRefused() throws {
        let folder = try TrialFolder()
        // mpirun starts one program as its two ranks, each with settings of its own.
        let run = try folder.run(
            ["train", "run.yaml", "seed=1"], ranks: 2,
            shell: "set -- \"${@:1:7}\" 1 bash -c 'exec \"$0\" train run.yaml seed=1' \"$9\" : "
                + "-np 1 \"$9\" train run.yaml seed=2")
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.first?.contains("ranks differ in the configuration") == true)
        #expect(!folder.exists("out"))
    }
}
