import Foundation
import Testing

/// Which samples the epochs of a pretraining run have. 6,001 tokens are 375 samples of 16.
@Suite struct EpochTests {
    private struct Line: Decodable {
        let loss: Double?
        let tokens: Int
        let epoch: Double

        enum CodingKeys: String, CodingKey {
            case loss, epoch
            case tokens = "total_tokens"
        }
    }

    private func tokens(ranks: Int, _ overrides: [String]) throws -> (
        tokens: [Int], epochs: [Double]
    ) {
        let folder = try TrialFolder()
        try folder.trainToEnd(
            ranks: ranks,
            [
                "max_steps=-1", "num_train_epochs=2",
                "per_device_train_batch_size=\(100 / ranks)", "gradient_accumulation_steps=2",
            ] + overrides)
        let lines = try String(decoding: folder.data("out/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n")
            .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
            .filter { $0.loss != nil }
        return (lines.map(\.tokens), lines.map(\.epoch))
    }

    /// As in transformers, where the last step of an epoch has what is left.
    @Test(arguments: [1, 2]) func anEpochHasEachSampleOnce(ranks: Int) throws {
        let found = try tokens(ranks: ranks, [])
        #expect(found.tokens == [200, 375, 575, 750].map { $0 * 16 })
        #expect(found.epochs == [0.5, 1, 1.5, 2])
    }

    /// 75 samples of each epoch fill no micro-batch.
    @Test(arguments: [1, 2]) func samplesThatFillNoBatchAreLeftOutOfEachEpoch(ranks: Int) throws {
        let found = try tokens(ranks: ranks, ["dataloader_drop_last=true"])
        #expect(found.tokens == [200, 300, 500, 600].map { $0 * 16 })
    }

    /// transformers' loader then has no batch at all.
    @Test(arguments: [1, 2]) func samplesThatFillNoBatchAtAllAreRefused(ranks: Int) throws {
        let folder = try TrialFolder()
        let batch = "per_device_train_batch_size=\(376 / ranks)"
        let run = try folder.train(ranks: ranks, [batch, "dataloader_drop_last=true"])
        #expect(run.status == 2)
        #expect(
            run.says(
                "dataloader_drop_last: true leaves no sample: the data have 375, a micro-batch takes 376"
            ),
            "\(run.errors)")
        #expect(!folder.exists("out"))
    }
}
