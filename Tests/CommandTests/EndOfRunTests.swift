import Foundation
import Testing

/// What a finished run leaves cannot all be written.
@Suite struct EndOfRunTests {
    /// A folder in a file's place: whoever runs the tests, the file cannot be written.
    private func block(_ folder: TrialFolder, _ name: String) throws {
        try folder.write("out/\(name)/in-the-way", "x")
    }

    @Test(arguments: [
        ("model.safetensors", 1), ("model.safetensors", 2), ("config.json", 1),
        ("generation_config.json", 1), ("all_results.json", 2), ("train_results.json", 1),
        ("trainer_state.json", 1),
    ])
    func aFileThatCannotBeWrittenIsTheRunsFailure(_ name: String, _ ranks: Int) throws {
        let folder = try TrialFolder()
        try block(folder, name)
        let run = try folder.train(ranks: ranks)
        #expect(run.status == 1, "\(run.errors)")
        #expect(run.messages.count == 1, "\(run.messages)")
        let text = run.messages.first ?? ""
        #expect(text.hasPrefix("step 12, the last: not everything could be written: "), "\(text)")
        #expect(text.contains(name), "\(text)")
        #expect(
            text.hasSuffix(
                "; make room, then run the same command again to go on from the last "
                    + "checkpoint, which is kept"), "\(text)")
        #expect(try folder.state(step: 12).step == 12)
        try folder.remove("out/\(name)")
        let again = try folder.train(ranks: ranks)
        #expect(again.status == 0, "\(again.errors)")
        #expect(folder.exists("out/model.safetensors"))
        #expect(folder.exists("out/\(name)"))
    }

    @Test func aCheckpointPassesWhatWasSetAside() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["save_steps=4"])
        let run = try folder.train([
            "resume_from_checkpoint=out/checkpoint-4.h5", "save_steps=3", "max_steps=10",
        ])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("kept out/superseded-checkpoint-8.h5 of the run before"))
        #expect(run.says("removed out/superseded-checkpoint-8.h5: this run has come as far"))
        let names = folder.names("out").filter { $0.hasPrefix("superseded-") }
        #expect(names == ["superseded-checkpoint-12.h5"], "that step has not been reached")
    }
}
