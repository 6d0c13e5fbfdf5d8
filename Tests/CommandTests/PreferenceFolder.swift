import Foundation
import TestSupport
import Testing

extension TrialFolder {
    /// A folder with the model, rows and adapter of References/preferences, and settings with which a run
    /// follows the reference.
    static func preferences() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        for name in ["data", "adapter"] { try folder.add("preferences/\(name)", as: name) }
        try folder.write("run.yaml", preferenceSettings)
        return folder
    }

    static let preferenceSettings = """
        stage: dpo
        finetuning_type: full
        model_name_or_path: model
        dataset: alpaca
        dataset_dir: data
        template: chatml
        cutoff_len: 256
        disable_shuffling: true
        per_device_train_batch_size: 2
        gradient_accumulation_steps: 2
        learning_rate: 1e-3
        lr_scheduler_type: linear
        warmup_steps: 3
        max_steps: 30
        logging_steps: 1
        output_dir: out
        threads_per_rank: 1
        peak_gflops: 50

        """

    /// A figure of each logged step.
    func figures(_ name: String, of output: String = "out") throws -> [Double] {
        try logLines(output).compactMap { $0[name] as? Double }
    }

    /// The lines of a run's log as they stand there.
    func logLines(_ output: String = "out") throws -> [[String: Any]] {
        try String(decoding: data("\(output)/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n").map {
                try #require(
                    JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
    }
}
