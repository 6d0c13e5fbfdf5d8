import Autograd
package import Configuration
import Distributed
package import Evaluation
import Foundation
package import Kernels
package import Models
import Objectives
package import TextData
import Tokenizers

/// What a run learns from.
package enum TrainingData {
    case samples(TrainingSamples)
    /// Rows read and encoded as they are needed; batches of at most `longest` columns.
    case stream(InstructionStream, longest: Int)
}

/// What a run reads.
package struct SessionData {
    /// `nil` where nothing is learned.
    package let training: TrainingData?
    let trainingCount: Int
    /// The held-out samples, in the parts that are evaluated by themselves; empty where there are
    /// none.
    package let evaluation: [HeldOutSamples]
    /// What a resumed run must find again: places of a sample, and ids (rows of a stream) in all.
    let sampleTokens: Int
    let datasetTokens: Int
    /// As in ``DataRecord``.
    let content: String?
    package let files: String?
    /// Lines for the user.
    let notes: [String]
}

extension TrainingSession {
    /// Opens the shards and divides off the held-out samples.
    ///
    /// - Parameters:
    ///   - framing: places of a sample that hold no token of the shards.
    ///   - spaced: the tokenizer's size, where the shards have to say where white space was.
    package static func openShards(
        _ configuration: RunConfiguration, model: any LanguageModel,
        tokenizerFiles: [String: String], ranks: Int, framing: Int = 0,
        spacedBelow spaced: Int? = nil
    ) throws(TrainingError) -> SessionData {
        guard let path = configuration.data.tokenizedPath else {
            throw .user(
                "tokenized_path is not set; a pretraining run reads the shards that "
                    + "`lockstep prepare` writes there")
        }
        let seed = UInt64(configuration.train.dataSeed)
        let sampleTokens = configuration.data.cutoffLen - framing
        guard sampleTokens > 0 else {
            throw .user(
                "cutoff_len: found \(configuration.data.cutoffLen), expected more than the \(framing) "
                    + "special tokens around a text")
        }
        let size = spaced.map { 2 * $0 } ?? model.description.vocabularySize
        do {
            let dataset = try TokenDataset.open(
                path, sampleTokens: sampleTokens, vocabularySize: size)
            guard spaced == nil || dataset.vocabularySize == size else {
                throw TrainingError.user(
                    "whole_word_mask: the shards in \(path) do not say where words begin; run "
                        + "`lockstep prepare` again with whole_word_mask: true")
            }
            let split = try HeldOutSplit(
                count: dataset.sampleCount, valSize: configuration.data.valSize, seed: seed)
            let evaluation = try EvaluationCorpus.open(
                configuration, sampleTokens: sampleTokens, vocabularySize: size)
            guard let hash = dataset.tokenizerHash else {
                return shards(dataset, split, evaluation, configuration, ranks: ranks)
            }
            try checkTokenizer(tokenizerFiles, hash: hash, of: dataset, configuration)
            return shards(dataset, split, evaluation, configuration, ranks: ranks)
        } catch let error as CorpusError {
            throw .corpus(error)
        } catch let error as TrainingError {
            throw error
        } catch {
            throw .user("\(error)")
        }
    }

    /// Turns the text of a pretraining run into shards where it names no tokenized_path. Collective.
    ///
    /// - Returns: a line for the user.
    static func prepareShards(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) throws(TrainingError) -> String? {
        guard configuration.settings.preparesShards else { return nil }
        let preparation = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ShardPreparation(configuration, localRanks: communicator.localSize)
        }
        let done = try preparation.run(over: communicator)
        guard let manifest = done.manifest else { return nil }
        let totals = manifest.totals
        let isOld = done.report.units > 0 && done.report.unitsSkipped == done.report.units
        let known = Set(configuration.notices)
        let notices =
            preparation.notices.filter { !known.contains($0) }
            + manifest.changes(folder: preparation.folder)
        return notices.map { $0 + "\n" }.joined()
            + "\(configuration.data.dataset.joined(separator: ", ")): "
            + (isOld ? "its tokens are in" : "tokenized into") + " \(preparation.folder) "
            + "(\(totals.tokens) tokens of \(totals.documents) documents); `lockstep prepare` "
            + "does this ahead of a run, for tokenized_path"
    }

    private static func shards(
        _ dataset: TokenDataset, _ split: HeldOutSplit, _ evaluation: [HeldOutSamples],
        _ configuration: RunConfiguration, ranks: Int
    ) -> SessionData {
        let heldOut = ShardSamples(dataset, split, part: .heldOut)
        let held = evaluation.reduce(split.evaluationCount) { $0 + $1.samples.count }
        return SessionData(
            training: .samples(
                configuration.order(
                    of: ShardSamples(dataset, split, part: .training), ranks: ranks, groups: false)),
            trainingCount: split.trainingCount,
            evaluation: heldOut.count > 0
                ? [HeldOutSamples(name: nil, samples: heldOut)] : evaluation,
            sampleTokens: dataset.sampleTokens, datasetTokens: dataset.tokenCount,
            content: String(dataset.contentHash, radix: 16), files: nil,
            notes: [
                "data \(dataset.path): \(dataset.tokenCount) tokens, \(split.trainingCount) "
                    + "samples of \(dataset.sampleTokens), \(held) held out"
            ])
    }

    /// Stops where the shards were made with another tokenizer than the run's.
    static func checkTokenizer(
        _ files: [String: String], hash: UInt64, of dataset: TokenDataset,
        _ configuration: RunConfiguration
    ) throws(TrainingError) {
        guard let text = files["tokenizer.json"] else { return }
        let tokenizer: any Tokenizer
        do {
            tokenizer = try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
        guard tokenizer.hash == hash else {
            throw .user(
                "the shards in \(dataset.path) were made with another tokenizer than "
                    + "\(configuration.model.tokenizerNameOrPath ?? "the model's"); run "
                    + "`lockstep prepare` again with this configuration")
        }
    }

    /// Lines that say what is about to run.
    static func description(
        model: any LanguageModel, parameters: ParameterStore, data: SessionData, threads: Int,
        configuration: RunConfiguration, communicator: any Communicator
    ) -> [String] {
        let hosts = Set(communicator.hostNames).count
        let precision = configuration.compute.precision.rawValue
        let decayed = parameters.slots.filter(\.parameter.decays)
        let decayedCount = decayed.reduce(0) { $0 + $1.parameter.count }
        var lines = [
            "\(communicator.size) rank\(communicator.size == 1 ? "" : "s") on \(hosts) "
                + "host\(hosts == 1 ? "" : "s"), \(threads) thread\(threads == 1 ? "" : "s") a "
                + "rank, \(precision), \(communicator.libraryVersion)",
            "model \(model.description.type): \(parameters.trainableCount) trainable parameters, "
                + "weight decay on \(decayed.count) \(decayed.allSatisfy(\.parameter.isMatrix) ? "matrices" : "parameters") "
                + "(\(decayedCount)), none on \(parameters.slots.count - decayed.count) norms and biases",
        ]
        if communicator.isKeptFromNeighbours {
            lines.append(
                "ranks of this host may not read each other's memory (kernel.yama.ptrace_scope, or a "
                    + "container without CAP_SYS_PTRACE): they send messages, slower with many ranks"
            )
        }
        lines += data.notes
        if let note = StepBalancer.note(configuration, over: communicator) { lines.append(note) }
        lines.append(
            configuration.model.gradientCheckpointing
                ? "activations are computed again in backward (gradient_checkpointing)"
                : model.parameters.contains { $0.quantized != nil }
                    ? "activations are kept but for norms, gates and one block of "
                        + "\(RunAssembly.recomputedBlock); gradient_checkpointing: true would save "
                        + "more memory"
                    : "activations are kept; gradient_checkpointing: true would save memory")
        if configuration.compute.precision == .bf16, !MachineDescription().hasBFloat16Products {
            lines.append(
                "this processor has no bfloat16 instructions: products are computed in float32 from "
                    + "bfloat16 operands, no faster than precision: fp32")
        }
        return lines
    }
}

extension RunConfiguration {
    /// The type of operands and activations.
    package var computeType: ElementType { compute.precision.elementType }

    /// - Parameters:
    ///   - ranks: of the run.
    ///   - recomputing: what of the activations is computed again.
    func stepSettings(ranks: Int, recomputing: Recomputing) -> StepSettings {
        StepSettings(
            nominalTargets: Double(train.globalBatch(ranks: ranks)) * Double(data.cutoffLen),
            maxGradNorm: train.maxGradNorm,
            recomputing: recomputing, seed: UInt64(train.seed),
            lossScaling: compute.precision == .fp16 ? train.lossScaling : nil,
            maxSkippedSteps: train.maxSkippedSteps, sumsByTree: compute.deterministic,
            embeddingNoise: Float(train.neftuneNoiseAlpha))
    }
}

extension ComputeSection.Precision {
    /// The type of operands and activations.
    package var elementType: ElementType {
        switch self {
        case .fp32: .float32
        case .bf16: .bfloat16
        case .fp16: .float16
        }
    }
}
