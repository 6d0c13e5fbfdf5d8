import Foundation
import Testing

@Suite struct SavingFailureTests {
    /// No file may grow beyond 200 KiB: the weights fit, a checkpoint with its moments does not.
    private static let smallFiles = "trap '' XFSZ; ulimit -f 200"

    @Test(arguments: [1, 2])
    func aRunThatCannotSaveTwiceInARowStopsAndKeepsTheLastGoodCheckpoint(_ ranks: Int) throws {
        let folder = try TrialFolder()
        let overrides = ["max_steps=200", "save_steps=20", "lr_scheduler_type=constant"]
        try folder.trainToEnd(ranks: ranks, overrides + ["max_steps=20"])
        let good = try folder.state(step: 20)
        let run = try folder.train(ranks: ranks, overrides, shell: Self.smallFiles)
        #expect(run.status == 1, "\(run.errors)")
        #expect(run.says("the checkpoint of step 40 could not be saved: "))
        #expect(run.says("; the run goes on, the last good checkpoint is kept"))
        #expect(run.says("the checkpoint of step 60 could not be saved: "))
        #expect(run.messages.count == 1, "\(run.messages)")
        #expect(run.messages.first?.contains("checkpoints can no longer be saved: ") == true)
        #expect(run.messages.first?.contains("File too large") == true, "\(run.messages)")
        #expect(
            folder.names("out").filter { $0.contains("checkpoint") } == ["checkpoint-20.h5"])
        #expect(try folder.state(step: 20) == good)
        // With room again the run ends as if nothing had happened.
        try folder.trainToEnd(ranks: ranks, overrides)
        try folder.trainToEnd(ranks: ranks, output: "whole", overrides)
        try expectSameRun(folder, "out", "whole", step: 200)
    }

    @Test func aRunWhoseFolderIsGoneForAWhileGoesOn() throws {
        let folder = try TrialFolder()
        let overrides = ["max_steps=1600", "save_steps=400", "logging_steps=100"]
        let process = try folder.start(
            TrialFolder.trainArguments(ranks: 1, output: "out", overrides))
        #expect(process.wait { folder.exists("out/checkpoint-400.h5") })
        try FileManager.default.moveItem(
            atPath: folder.full("out"), toPath: folder.full("away"))
        try folder.write("out", "not a folder")
        #expect(process.wait { process.errors.contains("could not be saved") })
        try folder.remove("out")
        try FileManager.default.moveItem(
            atPath: folder.full("away"), toPath: folder.full("out"))
        let run = try process.finish()
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("a part of the path is a file, expected folders"), "\(run.errors)")
        #expect(folder.exists("out/checkpoint-400.h5") && folder.exists("out/checkpoint-1600.h5"))
        try folder.trainToEnd(output: "whole", overrides)
        #expect(
            try folder.data("out/model.safetensors") == folder.data("whole/model.safetensors"))
    }
}
