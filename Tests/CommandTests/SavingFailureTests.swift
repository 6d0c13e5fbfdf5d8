import Foundation
import Testing

@Suite struct SavingFailureTests {
    /// Forbids a process files above 200 KiB: its log fits, a checkpoint does not.
    private func limitFiles(of process: pid_t) throws {
        let limit = try Process.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            arguments: ["prlimit", "--pid", String(process), "--fsize=204800"])
        limit.waitUntilExit()
        #expect(limit.terminationStatus == 0)
    }

    /// Lets the name `out` stand for another file or folder, at once: a run that finds nothing in
    /// between would make a folder of its own.
    private func point(_ folder: TrialFolder, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.full("next"), withDestinationPath: target)
        try #require(rename(folder.full("next"), folder.full("out")) == 0)
    }

    @Test(arguments: [1, 2])
    func aRunThatCannotSaveTwiceInARowStopsAndKeepsTheLastGoodCheckpoint(_ ranks: Int) throws {
        let folder = try TrialFolder()
        let overrides = ["lr_scheduler_type=constant", "save_steps=200", "logging_steps=20"]
        let process = try folder.start(
            TrialFolder.trainArguments(
                ranks: ranks, output: "out", overrides + ["max_steps=100000"]), ranks: ranks)
        #expect(process.wait { folder.exists("out/checkpoint-200.h5") })
        for rank in process.ranks { try limitFiles(of: rank) }
        let run = try process.finish()
        #expect(run.status == 1, "\(run.status): \(run.messages)")
        let good =
            folder.names("out").filter { $0.contains("checkpoint") }
            .compactMap { Int($0.dropFirst("checkpoint-".count).dropLast(".h5".count)) }.max() ?? 0
        #expect(run.says("the checkpoint of step \(good + 200) could not be saved: "))
        #expect(run.says("; the run goes on, the last good checkpoint is kept"))
        #expect(run.says("the checkpoint of step \(good + 400) could not be saved: "))
        #expect(run.messages.count == 1, "\(run.messages)")
        let message = try #require(run.messages.first)
        #expect(message.contains("checkpoints can no longer be saved: "), "\(message)")
        #expect(message.contains("File too large"), "\(message)")
        #expect(
            message.hasSuffix(
                "make room or choose another output_dir, then run again to resume"), "\(message)")
        // With room again the run goes on as if nothing had happened.
        let end = overrides + ["max_steps=\(good + 10)"]
        try folder.trainToEnd(ranks: ranks, end)
        try folder.trainToEnd(ranks: ranks, output: "whole", end)
        #expect(
            try folder.data("out/model.safetensors") == folder.data("whole/model.safetensors"))
    }

    @Test func aRunWhoseFolderIsGoneForAWhileGoesOn() throws {
        let folder = try TrialFolder()
        let overrides = ["max_steps=1600", "save_steps=400", "logging_steps=100"]
        try FileManager.default.createDirectory(
            atPath: folder.full("real"), withIntermediateDirectories: false)
        try folder.write("file", "not a folder")
        try point(folder, to: "real")
        let process = try folder.start(
            TrialFolder.trainArguments(ranks: 1, output: "out", overrides))
        #expect(process.wait { folder.exists("out/checkpoint-400.h5") })
        try point(folder, to: "file")
        #expect(process.wait { process.errors.contains("could not be saved") })
        try point(folder, to: "real")
        let run = try process.finish()
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("a part of the path is a file, expected folders"), "\(run.errors)")
        #expect(folder.exists("out/checkpoint-400.h5") && folder.exists("out/checkpoint-1600.h5"))
        try folder.trainToEnd(output: "whole", overrides)
        #expect(
            try folder.data("out/model.safetensors") == folder.data("whole/model.safetensors"))
    }
}
