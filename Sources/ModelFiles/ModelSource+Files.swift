import Foundation
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
}
