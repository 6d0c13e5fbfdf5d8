import Board
import CheckpointSupport
import Checkpoints
import Files
import Foundation
import Serving
import TestSupport
import Testing

@Suite struct RunFolderTests {
    private let trial: BoardTrial

    init() throws { trial = try BoardTrial() }

    private let log = """
        {"current_steps": 2, "total_steps": 4, "loss": 3.5, "lr": 0.1, "throughput": 90.0}
        {"current_steps": 2, "total_steps": 4, "eval_loss": 3.25}
        {"current_steps": 4, "total_steps": 4, "loss": 3.0, "lr": 0.0, "throughput": 80.0}

        """

    @Test func runsAreFoundByTheirFilesTheNewestFirst() throws {
        for name in ["a/full/one", "b", "c/empty", ".hidden/x"] { _ = try trial.makeRun(name) }
        try trial.folder.write("saves/a/full/one/trainer_log.jsonl", log)
        try trial.folder.write("saves/b/checkpoint-3.h5")
        try trial.folder.write("saves/.hidden/x/trainer_log.jsonl")
        let old = Date(timeIntervalSince1970: 1_000_000_000)
        try FileManager.default.setAttributes(
            [.modificationDate: old], ofItemAtPath: trial.folder.path("saves/b"))
        let found = RunFolder.all(below: trial.folders.runs)
        #expect(found.folders.map(trial.folders.name) == ["a/full/one", "b"])
        #expect(!found.isCut)
    }

    @Test func linksAreNotFollowed() throws {
        let other = try TemporaryFolder()
        try other.write("trainer_log.jsonl", log)
        _ = try trial.folder.makeFolder("saves")
        try FileManager.default.createSymbolicLink(
            atPath: trial.folder.path("saves/out"), withDestinationPath: other.path)
        #expect(RunFolder.all(below: trial.folders.runs).folders.isEmpty)
    }

    @Test func aRunStartedElsewhereIsToldByItsFilesToo() throws {
        let path = try trial.run("x")
        try trial.folder.write("saves/x/trainer_log.jsonl", log + "{\"current_steps\": 5, \"los")
        let run = RunFolder(path)
        #expect(run.state() == .stopped && run.steps.count == 3)
        let summary = run.summary(name: "x")
        #expect(summary["step"] == .int(4) && summary["total"] == .int(4))
        #expect(summary["loss"]?.double == 3 && summary["eval_loss"]?.double == 3.25)
        try trial.folder.write("saves/x/train_results.json", "{}")
        #expect(RunFolder(path).state() == .finished)
        let lock = try FolderLock(path, name: "output_dir")
        #expect(RunFolder(path).state() == .running)
        lock.release()
        #expect(RunFolder(path).state() == .finished)
    }

    @Test func checkpointsAreListedWithTheirLossesAndVerified() throws {
        let path = try trial.run("x")
        try trial.folder.write("saves/x/trainer_log.jsonl", log)
        let store = HDF5CheckpointStore(folder: path, program: "test")
        for step in [2, 4] { try store.write(Sample.state(step: step)) }
        let list = CheckpointList(RunFolder(path))
        var entries = list.entries(steps: RunFolder(path).steps)
        #expect(entries.map(\.step) == [4, 2] && entries.allSatisfy { $0.isVerified == nil })
        #expect(entries.map(\.loss) == [3, 3.5] && entries[1].evaluationLoss == 3.25)
        #expect(try list.verify("checkpoint-2.h5") == nil)
        #expect(try list.lines(of: "checkpoint-4.h5").first?.contains("step 4") == true)

        // One byte in the middle is another.
        let file = try #require(FileHandle(forUpdatingAtPath: path + "/checkpoint-4.h5"))
        let end = try file.seekToEnd()
        var damaged = Data()
        for offset in stride(from: end / 4, to: end, by: 64) {
            try file.seek(toOffset: offset)
            damaged = try file.read(upToCount: 1) ?? Data([0])
            try file.seek(toOffset: offset)
            try file.write(contentsOf: Data([damaged[0] ^ 0x5A]))
        }
        try file.close()
        #expect(try list.verify("checkpoint-4.h5") != nil)
        entries = list.entries(steps: [])
        #expect(entries.map(\.isVerified) == [false, true])

        // A file that was written anew has to be verified anew.
        try store.write(Sample.state(step: 4))
        #expect(list.entries(steps: [])[0].isVerified == nil)
    }

    @Test(arguments: ["../x/checkpoint-2.h5", "checkpoint-2.h5/../../x", "trainer_log.jsonl", ""])
    func noOtherFileIsTakenForACheckpoint(_ name: String) throws {
        let path = try trial.run("x")
        try trial.folder.write("saves/x/trainer_log.jsonl", log)
        #expect(throws: ServerProblem.self) { try CheckpointList(RunFolder(path)).verify(name) }
    }

    @Test func everyLookTellsWhatIsNewAndAnotherPageAllOfIt() throws {
        let path = try trial.run("x")
        try trial.folder.write("saves/x/trainer_log.jsonl", log)
        try trial.folder.write("saves/x/running_log.txt", "one\n")
        let events = RunEvents(of: "x", in: path, trial.starter)
        var first = RunEvents.Looks(events)
        let begun = texts(first.next())
        #expect(begun.count == 4 && texts(first.next()).isEmpty)
        let handle = try #require(FileHandle(forWritingAtPath: path + "/trainer_log.jsonl"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"current_steps\": 6".utf8))
        #expect(texts(first.next()).isEmpty)
        try handle.write(contentsOf: Data(", \"total_steps\": 8, \"loss\": 2.0}\n".utf8))
        try handle.close()
        let news = texts(first.next())
        #expect(news.contains { $0.hasPrefix("steps") && $0.contains("\"new\": false") })
        #expect(news.contains { $0.hasPrefix("state") && $0.contains("\"step\": 6") })
        #expect(!news.joined().contains("\"loss\": 3.5"))

        var second = RunEvents.Looks(events)
        #expect(texts(second.next()).joined().contains("\"loss\": 3.5"))
        // A run that goes on drops later lines: the file is written anew.
        try trial.folder.write(
            "saves/x/trainer_log.jsonl", "{\"current_steps\": 1, \"loss\": 9.0}\n")
        let anew = texts(second.next())
        #expect(anew.contains { $0.hasPrefix("steps") && $0.contains("\"new\": true") })
    }

    private func texts(_ events: [ServerEvent]) -> [String] {
        events.map { event in
            if case .named(let name, let value) = event { return "\(name) \(value.text())" }
            return ""
        }
    }
}

extension BoardTrial {
    /// Makes a folder whose name no page may ask for, too.
    func makeRun(_ name: String) throws -> String { try folder.makeFolder("saves/" + name) }
}
