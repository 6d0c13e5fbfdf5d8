import Files
import Foundation
import Testing

@Suite struct TwoRunsTests {
    private static let endless = [
        "lr_scheduler_type=constant", "warmup_steps=0", "save_steps=100000", "max_steps=100000",
    ]

    @Test func ofFiveRunsAtTheSameMomentOneGoesOnAndTheOthersNameIt() throws {
        let folder = try TrialFolder()
        var runs = try (0..<5).map { _ in
            try folder.start(TrialFolder.trainArguments(ranks: 1, output: "out", Self.endless))
        }
        var refused: [LockstepRun] = []
        while refused.count < 4 {
            let ended = runs.filter { !$0.isRunning }
            runs.removeAll { !$0.isRunning }
            refused += try ended.map { try $0.finish() }
            try #require(!runs.isEmpty, "\(refused.map(\.messages))")
            usleep(10_000)
        }
        let winner = runs[0]
        let id = try #require(winner.ranks.first)
        for run in refused {
            #expect(run.status == 2)
            #expect(run.messages.count == 1)
            let text = run.messages.first ?? ""
            #expect(text.hasPrefix("output_dir 'out' is in use by process \(id) on "), "\(text)")
            #expect(text.contains("train run.yaml output_dir=out"))
        }
        #expect(winner.wait { ((try? folder.log().last?.step) ?? 0) >= 3 })
        winner.send(SIGTERM)
        #expect(try winner.finish().status == 75)
        let step = try #require(try folder.log().last?.step)
        #expect(
            !folder.names("out").contains { $0.hasPrefix(FolderLock.fileName) }
                && folder.exists("out/checkpoint-\(step).h5"))
        #expect(try folder.log().map(\.step) == Array(1...step), "two runs wrote one log")
    }

    @Test(arguments: [1, 2])
    func aFolderInUseIsLeftAlone(_ ranks: Int) throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=2"])
        let lock = try FolderLock(folder.full("out"), name: "output_dir", command: "the other")
        let names = folder.names("out")
        // The lock itself is renewed while it is held.
        let files = names.filter { !$0.hasPrefix(FolderLock.fileName) }
        let before = try files.map { try folder.data("out/" + $0) }
        let run = try folder.train(ranks: ranks, ["overwrite_output_dir=true"])
        #expect(run.status == 2)
        #expect(run.messages.count == 1)
        #expect(
            run.messages.first?.contains("in use by process \(getpid()) on ") == true
                && run.messages.first?.contains("(the other), since ") == true)
        #expect(folder.names("out") == names)
        #expect(try files.map { try folder.data("out/" + $0) } == before)
        lock.release()
        #expect(try folder.train(ranks: ranks, ["overwrite_output_dir=true"]).status == 0)
    }

    @Test func theLockOfAKilledRunDoesNotStopTheNext() throws {
        let folder = try TrialFolder()
        let process = try folder.start(
            TrialFolder.trainArguments(
                ranks: 1, output: "out", ["save_steps=1", "max_steps=100000"]))
        #expect(process.wait { folder.exists("out/checkpoint-3.h5") })
        process.send(SIGKILL)
        _ = try process.finish()
        #expect(folder.exists("out/\(FolderLock.fileName)"))
        let run = try folder.train(["max_steps=4"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(!folder.exists("out/\(FolderLock.fileName)"))
    }

    @Test func theFoldersAreNamedThatCannotBeMade() throws {
        let folder = try TrialFolder()
        for ranks in [1, 2] {
            let run = try folder.train(ranks: ranks, output: "/proc/lockstep/out")
            #expect(run.status == 2)
            #expect(
                run.messages.first?.hasPrefix("output_dir: mkdir failed on '/proc/lockstep': ")
                    == true, "\(run.messages)")
        }
    }
}
