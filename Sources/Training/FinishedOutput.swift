import Checkpoints
import Configuration
import Foundation

/// Weights that a finished run has left in output_dir.
enum FinishedOutput {
    /// Passes unless a run would overwrite finished weights that no checkpoint beside them can make again.
    ///
    /// LLaMA-Factory refuses such a folder too (src/llamafactory/hparams/parser.py).
    /// - Throws: ``TrainingError/user(_:)`` where there are such weights and overwrite_output_dir is not set.
    static func check(_ output: OutputSection, _ store: HDF5CheckpointStore) throws {
        // With resume_from_checkpoint: true the absence of a checkpoint is an error of its own.
        guard let folder = output.outputDir, !output.overwriteOutputDir, output.resume != .newest,
            try store.steps().isEmpty
        else { return }
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: folder)) ?? []
        // What is no file is nothing to lose; writing there fails by itself.
        let found = names.filter(isWeights).sorted().first {
            let kind = try? files.attributesOfItem(atPath: folder + "/" + $0)[.type]
            return kind as? FileAttributeType == .typeRegular
        }
        guard let found else { return }
        throw TrainingError.user(
            "output_dir: \(folder) holds a finished model or adapter (\(found)) and no checkpoint to go "
                + "on from; choose another output_dir, or set overwrite_output_dir: true to replace it"
        )
    }

    /// Whether a file's name is one of a model's or an adapter's weights, whole or in parts.
    private static func isWeights(_ name: String) -> Bool {
        if ["adapter_model.safetensors", "adapter_model.bin", "adapter.safetensors"].contains(name)
        {
            return true
        }
        return [("model", ".safetensors"), ("pytorch_model", ".bin")].contains { stem, ending in
            name == stem + ending || name.hasPrefix(stem + "-") && name.hasSuffix(ending)
        }
    }
}
