import Foundation
import Testing

@Suite struct ChangedDataTests {
    /// A run of four steps in `out` that may go on.
    private func begun(_ overrides: [String] = []) throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=4", "val_size=20"] + overrides)
        return folder
    }

    private func goOn(_ folder: TrialFolder, _ overrides: [String] = []) throws -> LockstepRun {
        try folder.train(["max_steps=6", "val_size=20"] + overrides)
    }

    private func expectRefused(
        _ folder: TrialFolder, _ overrides: [String], _ finding: String
    ) throws {
        let names = folder.names("out")
        for ranks in [1, 2] {
            let run = try folder.train(
                ranks: ranks, ["max_steps=6", "val_size=20"] + overrides)
            #expect(run.status == 2, "\(run.errors)")
            #expect(run.messages.count == 1)
            let text = run.messages.first ?? ""
            #expect(
                text.hasPrefix(
                    "the data of the run that wrote out/checkpoint-4.h5 have changed: \(finding)"),
                "\(text)")
            #expect(text.contains("set allow_changed_data: true to go on with what is there now"))
        }
        #expect(folder.names("out") == names)
        let run = try goOn(folder, overrides + ["allow_changed_data=true"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("\(finding): going on with that (allow_changed_data)"), "\(run.errors)")
        // From then on the new data are the run's.
        let more = try folder.train(["max_steps=7", "val_size=20"] + overrides)
        #expect(more.status == 0, "\(more.errors)")
    }

    @Test func oneChangedTokenIsNoticed() throws {
        let folder = try begun()
        var tokens = try folder.data("tokens.bin")
        tokens[6000] ^= 1
        try folder.write("tokens.bin", tokens)
        try expectRefused(folder, [], "its tokens are others")
    }

    @Test func theSameTokensWrittenAnewAreNoChange() throws {
        let folder = try begun()
        let tokens = try folder.data("tokens.bin")
        try folder.remove("tokens.bin")
        try folder.write("elsewhere.bin", tokens)
        #expect(try goOn(folder, ["tokenized_path=elsewhere.bin"]).status == 0)
    }

    @Test func anotherOrderIsNoticed() throws {
        try expectRefused(
            try begun(), ["data_seed=7"], "the order is that of data_seed 7, not data_seed 42")
    }

    @Test func anotherShareHeldOutIsNoticed() throws {
        let folder = try begun()
        let run = try folder.train(["max_steps=6", "val_size=40"])
        #expect(run.status == 2)
        #expect(run.messages.first?.contains("335 samples are trained on, not 355") == true)
    }

    @Test func epochsAreCountedOnWhenTheBatchChanges() throws {
        let folder = try begun()
        let run = try goOn(folder, ["gradient_accumulation_steps=7"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("the global batch is 84 samples, another than in the run before"))
        let epochs = try String(decoding: folder.data("out/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n").compactMap {
                let line = try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                return line?["epoch"] as? Double
            }
        // 355 samples are 30 steps of 12, or 5 of 84.
        let expected = [1.0 / 30, 2.0 / 30, 3.0 / 30, 4.0 / 30, 4.0 / 30 + 0.2, 4.0 / 30 + 0.4]
        #expect(epochs.count == 6)
        for (found, right) in zip(epochs, expected) { #expect(abs(found - right) < 1e-2) }
        #expect(epochs == epochs.sorted())
    }
}
