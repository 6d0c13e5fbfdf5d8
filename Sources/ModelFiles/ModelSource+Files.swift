import Autograd
import Checkpoints
import Foundation
import Models
import WeightFiles

extension ModelSource {
    /// The files that weights are read from.
    package var weightFiles: [String] {
        switch self {
        case .checkpoint(let path): return [path]
        case .gguf(let file): return file.paths
        case .folder(let path):
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return HuggingFaceFolder.weightFiles(among: names).sorted().map { path + "/" + $0 }
        }
    }

    /// Whether the files hold blocks of few bits, which products can read where they are.
    var holdsBlocks: Bool {
        if case .gguf = self { return true }
        return false
    }

    /// Refuses a checkpoint of an ELECTRA run, which holds two models, where one is wanted.
    ///
    /// - Throws: ``ModelFileError/user(_:)``.
    static func refuseParts(
        of checkpoint: String, _ parameters: [Parameter]
    ) throws(ModelFileError) {
        let prefix = ReplacedTokenModel.folder + "."
        guard !parameters.contains(where: { $0.name.hasPrefix(prefix) }) else { return }
        let names = try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
            try CheckpointReader(path: checkpoint).arrays(in: .model).map(\.name)
        }
        guard names.contains(where: { $0.hasPrefix(prefix) }) else { return }
        let folder = (checkpoint as NSString).deletingLastPathComponent
        let place = folder.isEmpty ? "." : folder
        throw .user(
            "'\(checkpoint)' holds the two models of an ELECTRA run; give '\(place)', where the run "
                + "puts the discriminator at its end, or '\(place)/\(ReplacedTokenModel.folder)', the "
                + "generator")
    }
}
