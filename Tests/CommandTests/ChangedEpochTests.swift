import Foundation
import Testing

/// The logged epoch of a run that goes on with other batches or other samples.
@Suite struct ChangedEpochTests {
    private func epochs(_ folder: TrialFolder, _ output: String = "out") throws -> [Double] {
        try String(decoding: folder.data(output + "/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n").compactMap {
                let line = try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                return line?["epoch"] as? Double
            }
    }

    /// Requires `count` steps of which the first `before` are each `1 / first` of an epoch, and the
    /// others `1 / then`. The log has two decimals.
    private func expect(
        _ epochs: [Double], _ count: Int, before: Int, stepsPerEpoch first: Int, then: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(epochs.count == count, "\(epochs)", sourceLocation: sourceLocation)
        #expect(epochs == epochs.sorted(), "\(epochs)", sourceLocation: sourceLocation)
        for (index, found) in epochs.enumerated() {
            let steps = index + 1
            let right =
                Double(min(steps, before)) / Double(first)
                + Double(max(0, steps - before)) / Double(then)
            #expect(abs(found - right) < 6e-3, "step \(steps)", sourceLocation: sourceLocation)
        }
    }

    /// A pretraining run over 375 samples, made to go on after four steps of 12.
    private func begun() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=4"])
        return folder
    }

    @Test func anotherBatchOfADevice() throws {
        let folder = try begun()
        let run = try folder.train(["max_steps=6", "per_device_train_batch_size=75"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("the global batch is 75 samples, another than in the run before"))
        expect(try epochs(folder), 6, before: 4, stepsPerEpoch: 32, then: 5)
    }

    @Test func moreRanks() throws {
        let folder = try begun()
        let run = try folder.train(
            ranks: 2, ["max_steps=6", "per_device_train_batch_size=20"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("the global batch is 40 samples, another than in the run before"))
        expect(try epochs(folder), 6, before: 4, stepsPerEpoch: 32, then: 10)
    }

    @Test func moreRanksOfTheSameGlobalBatchChangeNothing() throws {
        let folder = try begun()
        let run = try folder.train(ranks: 2, ["max_steps=6"])
        #expect(run.status == 0 && !run.says("the global batch is"), "\(run.errors)")
        expect(try epochs(folder), 6, before: 6, stepsPerEpoch: 32, then: 32)
    }

    @Test func aBatchThatIsChangedTwice() throws {
        let folder = try begun()
        #expect(try folder.train(["max_steps=6", "gradient_accumulation_steps=7"]).status == 0)
        let run = try folder.train(["max_steps=8"])
        #expect(run.status == 0, "\(run.errors)")
        let found = try epochs(folder)
        // 32 steps of 12, or 5 of 84.
        let right: [Double] = [
            1.0 / 32, 2.0 / 32, 3.0 / 32, 4.0 / 32, 4.0 / 32 + 0.2, 4.0 / 32 + 0.4,
            5.0 / 32 + 0.4, 6.0 / 32 + 0.4,
        ]
        #expect(found.count == 8 && largestDistance(found, right) < 6e-3, "\(found)")
    }

    @Test func samplesOfAnotherLength() throws {
        let folder = try begun()
        let change = ["max_steps=6", "cutoff_len=32"]
        let refused = try folder.train(change)
        #expect(refused.status == 2)
        #expect(
            refused.messages.first?.hasPrefix(
                "out/checkpoint-4.h5 was trained on 6001 tokens in samples of 16, but the run has "
                    + "6001 in samples of 32 (dataset, tokenized_path, cutoff_len); ") == true)
        let run = try folder.train(change + ["allow_changed_data=true"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("an epoch is 16 steps of 12 samples, other than in the run before"))
        #expect(!run.says("the global batch is"))
        expect(try epochs(folder), 6, before: 4, stepsPerEpoch: 32, then: 16)
    }

    @Test func anotherBatchOfInstructions() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["max_steps=3"])
        // 24 rows are 6 steps of 4, or 3 of 10.
        let run = try folder.tune(["max_steps=5", "gradient_accumulation_steps=5"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("the global batch is 10 samples, another than in the run before"))
        expect(try epochs(folder), 5, before: 3, stepsPerEpoch: 6, then: 3)
    }

    @Test func moreRanksOnInstructions() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["max_steps=3"])
        let run = try folder.tune(
            ranks: 3, ["max_steps=5", "gradient_accumulation_steps=3"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("the global batch is 18 samples, another than in the run before"))
        expect(try epochs(folder), 5, before: 3, stepsPerEpoch: 6, then: 2)
    }

    @Test func fewerRowsOfInstructions() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["max_steps=3"])
        let run = try folder.tune([
            "max_steps=5", "max_samples=12", "allow_changed_data=true",
        ])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("an epoch is 3 steps of 4 samples, other than in the run before"))
        expect(try epochs(folder), 5, before: 3, stepsPerEpoch: 6, then: 3)
    }
}
