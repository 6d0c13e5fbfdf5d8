import ArgumentParser
import Configuration
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

    @Option(
        name: .customLong("adapter"),
        help: "An adapter's folder; give it again for one that lies over it.")
    var adapters: [String] = []

    @Option(help: "Numbers of the matrix products: fp32, bf16 or fp16.")
    var precision = ComputeSection.Precision.fp32.rawValue

    @Option(help: "Threads; all processors unless given.")
    var threads: Int?

    func load() throws(TrainingError) -> InferenceModel {
        let (type, path, adapters, threads) = try read()
        return try ofModelFiles { () throws(ModelFileError) in
            try InferenceModel(
                path: path, adapters: adapters, computeType: type, threads: threads)
        }
    }

    /// The same of a reward model with its head.
    func loadWithRewards() throws(TrainingError) -> InferenceModel {
        let (type, path, adapters, threads) = try read()
        return try ofModelFiles { () throws(ModelFileError) in
            try .withRewards(
                path: path, adapters: adapters, computeType: type, threads: threads)
        }
    }

    func loadSentences() throws(TrainingError) -> SentenceModel {
        let (type, path, adapters, threads) = try read()
        return try ofModelFiles { () throws(ModelFileError) in
            try SentenceModel(
                path: path, adapters: adapters, computeType: type, threads: threads)
        }
    }

    private func read() throws(TrainingError) -> (
        type: ElementType, path: String, adapters: [String], threads: Int
    ) {
        guard let type = ComputeSection.Precision(rawValue: precision)?.elementType else {
            throw .user("--precision: found '\(precision)', expected fp32, bf16 or fp16")
        }
        if let threads, !(1...4096 ~= threads) {
            throw .user("--threads: found \(threads), expected a number from 1 to 4096")
        }
        let caches = HubCaches(environment: ProcessInfo.processInfo.environment)
        let isHere = FileManager.default.fileExists(atPath: path)
        return (
            type, isHere ? path : caches.folder(of: path, .models) ?? path,
            adapters, threadCount
        )
    }

    /// `threads`, or the processor's where none are given.
    var threadCount: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }
}
