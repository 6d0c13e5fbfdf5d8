import Foundation
import Testing

/// Runs on tables beside runs on the same rows as lines of JSON.
@Suite struct TableRunTests {
    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        for ending in ["jsonl", "parquet"] {
            try folder.add("parquet/dialogues.\(ending)", as: "data/dialogues.\(ending)")
            try folder.add("parquet/groups.\(ending)", as: "groups.\(ending)")
        }
        return folder
    }

    @Test(arguments: [1, 2])
    func aFinetunedModelIsThatOfTheLines(_ ranks: Int) throws {
        let folder = try folder()
        for ending in ["jsonl", "parquet"] {
            try folder.tuneToEnd(
                output: ending, ranks: ranks,
                [
                    "dataset=dialogues.\(ending)", "max_steps=4",
                    "per_device_train_batch_size=\(2 / ranks)",
                ])
        }
        #expect(try folder.losses("parquet") == folder.losses("jsonl"))
        let file = "adapter_model.safetensors"
        #expect(try folder.data("parquet/\(file)") == folder.data("jsonl/\(file)"))
    }

    @Test func aPretrainedModelIsThatOfTheLines() throws {
        let folder = try folder()
        for ending in ["jsonl", "parquet"] {
            try folder.tuneToEnd(
                output: ending,
                [
                    "stage=pt", "finetuning_type=full", "dataset_dir=.", "template=null",
                    "dataset=groups.\(ending)", "cutoff_len=16", "max_steps=3",
                ])
        }
        #expect(try folder.losses("parquet") == folder.losses("jsonl"))
    }

    @Test func aDamagedTableIsNamed() throws {
        let folder = try folder()
        let whole = try folder.data("data/dialogues.parquet")
        try folder.write("data/dialogues.parquet", whole.dropLast(5))
        let run = try folder.tune(["dataset=dialogues.parquet"])
        #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
        #expect(
            run.messages.first?.contains("data/dialogues.parquet: ") == true
                && run.messages.first?.contains("Parquet") == true, "\(run.errors)")
        #expect(!folder.exists("out"))
    }
}
