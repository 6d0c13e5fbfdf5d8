import ArgumentParser
import Files
import Foundation
import Kernels
import ModelFiles
import Training

/// The options of commands that read a model.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .customLong("model"),
        help: "A Hugging Face folder, a .gguf file or a checkpoint-N.h5.")
    var path: String

    @Option(help: "An adapter's folder.")
    var adapter: String?

    @Option(help: "Numbers of the matrix products: fp32, bf16 or fp16.")
    var precision = "fp32"

    @Option(help: "Threads; all processors unless given.")
    var threads: Int?

    func load() throws(TrainingError) -> InferenceModel {
        let types: [String: ElementType] = [
            "fp32": .float32, "bf16": .bfloat16, "fp16": .float16,
        ]
        guard let type = types[precision] else {
            throw .user("--precision: found '\(precision)', expected fp32, bf16 or fp16")
        }
        if let threads, !(1...4096 ~= threads) {
            throw .user("--threads: found \(threads), expected a number from 1 to 4096")
        }
        let caches = HubCaches(environment: ProcessInfo.processInfo.environment)
        let isHere = FileManager.default.fileExists(atPath: path)
        return try ofModelFiles { () throws(ModelFileError) in
            try InferenceModel(
                path: isHere ? path : caches.folder(of: path, .models) ?? path,
                adapters: adapter.map { [$0] } ?? [], computeType: type,
                threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
        }
    }
}
