import Foundation
import TestSupport
import Testing

extension TrialFolder {
    /// A folder with the model, rows and adapters of References/sequence_to_sequence, and settings with
    /// which a run follows the reference.
    static func pairs() throws -> TrialFolder {
        let folder = try TrialFolder()
        for name in ["model", "data", "start", "trained"] {
            try folder.add("sequence_to_sequence/\(name)", as: name)
        }
        try folder.write("run.yaml", pairSettings)
        return folder
    }

    static let pairSettings = """
        stage: sft
        finetuning_type: lora
        model_name_or_path: model
        dataset: rows
        dataset_dir: data
        source_prefix: "turn: "
        max_source_length: 20
        max_target_length: 10
        cutoff_len: 32
        disable_shuffling: true
        lora_rank: 4
        lora_alpha: 16
        lora_target: q,v
        per_device_train_batch_size: 4
        learning_rate: 1e-2
        lr_scheduler_type: constant
        max_steps: 12
        logging_steps: 1
        output_dir: out
        threads_per_rank: 1
        peak_gflops: 50

        """

    /// A list of numbers of reference.json.
    static func pairReference(_ run: String, _ key: String) throws -> [Double] {
        let all = try References.object("sequence_to_sequence/reference.json")
        return try #require((all[run] as? [String: Any])?[key] as? [Double])
    }
}
