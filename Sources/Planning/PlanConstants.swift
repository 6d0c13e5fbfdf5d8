import Files
import Foundation
package import Training

/// What was measured on a machine, for plans made there or elsewhere.
package struct PlanConstants: Equatable, Sendable, Codable {
    /// What a step's numbers depend on; constants serve configurations that agree in all of it.
    package struct Work: Equatable, Sendable, Codable {
        /// `model_type` of config.json.
        package var model: String
        /// Numbers of the model, trained or not.
        package var parameters: Int
        package var trainable: Int
        package var precision: String
        package var samples: Int
        package var length: Int
        /// Sequences of a sample, where it is not one.
        package var sequences: Int?
        package var optimizer: String
        package var recomputes: Bool
        package var deterministic: Bool
    }

    /// A step of one rank with one micro-batch, without other ranks; seconds.
    package struct Step: Equatable, Sendable, Codable {
        package var forward: Double
        package var backward: Double
        package var clear: Double
        package var norm: Double
        package var update: Double
        package var copies: Double
        /// Relative standard deviation of forward and backward from step to step.
        package var deviation: Double
        /// Floating-point operations of one micro-batch.
        package var operations: Double
        /// Trained parameters in the order in which backward finishes with them.
        package var slots: [BucketLayout.Slot]
        /// Trained tables of embeddings.
        package var tables: [BucketLayout.Table]
        /// Where masters are kept in halves, the slots of which rows are looked up.
        package var lookedUp: [Int]?
    }

    /// What the model writes before the steps that learn from it, of one rank without others.
    package struct Rollout: Equatable, Sendable, Codable {
        /// Completions that are written at once, of so many micro-batches.
        package var completions: Int
        package var microBatches: Int
        /// Tokens of each, the most that it may have.
        package var tokens: Int
        /// Steps that learn from it.
        package var steps: Int
        /// All of it.
        package var seconds: Double
        /// Keys and values.
        package var bytes: Int

        package init(
            completions: Int, microBatches: Int, tokens: Int, steps: Int, seconds: Double,
            bytes: Int
        ) {
            self.completions = completions
            self.microBatches = microBatches
            self.tokens = tokens
            self.steps = steps
            self.seconds = seconds
            self.bytes = bytes
        }
    }

    /// The form of the file; another one is refused.
    package var format = Self.currentFormat
    package static let currentFormat = 2

    package var host: String
    package var processors: Int
    /// Threads of the rank that was measured.
    package var threads: Int
    /// Ranks that computed on the host at the same time.
    package var ranksOnHost: Int
    /// Operations a second of a large matrix product, on those threads.
    package var matrixPeak: Double
    /// Bytes a second that one thread copies.
    package var copyRate: Double
    /// Bytes of float32 a second that one thread adds to others.
    package var reductionRate: Double
    package var work: Work
    package var step: Step
    package var memory: MemoryWork
    /// Where a step learns from what the model writes.
    package var rollout: Rollout?
    /// Between ranks of a host; absent where it was not measured.
    package var within: LinkModel?
    /// Between hosts; absent where it was not measured.
    package var between: LinkModel?
}

extension PlanConstants {
    /// Reads what ``write(to:)`` wrote.
    /// - Throws: ``TrainingError/user(_:)`` where the file is absent or something else.
    package init(contentsOf path: String) throws(TrainingError) {
        guard let data = RegularFile.contents(path) else {
            throw .user("--constants: '\(path)' cannot be read; write it with --save-constants")
        }
        guard let constants = try? JSONDecoder().decode(Self.self, from: data),
            constants.format == Self.currentFormat, constants.isSound
        else {
            throw .user(
                "--constants: '\(path)' holds no constants of this version; write it with "
                    + "--save-constants")
        }
        self = constants
    }

    /// - Throws: ``TrainingError/user(_:)`` where the file cannot be written.
    package func write(to path: String) throws(TrainingError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do {
            try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw .user(
                "--save-constants: '\(path)' cannot be written: \(error.localizedDescription)")
        }
    }

    private var isSound: Bool {
        let times = [step.forward, step.backward, matrixPeak, copyRate, reductionRate]
        let links = [within, between].compactMap { $0 }
        return times.allSatisfy { $0.isFinite && $0 > 0 } && threads > 0 && !step.slots.isEmpty
            && links.allSatisfy { $0.bytesPerSecond > 0 && $0.bytesPerSecondOfRank > 0 }
    }

    /// Makes sure that the constants are of this configuration's work.
    /// - Throws: ``TrainingError/user(_:)`` naming the first difference.
    package func check(fit asked: Work, in path: String) throws(TrainingError) {
        let rows: [(String, String, String)] = [
            ("model_type", work.model, asked.model),
            ("parameters", "\(work.parameters)", "\(asked.parameters)"),
            ("trainable parameters", "\(work.trainable)", "\(asked.trainable)"),
            ("precision", work.precision, asked.precision),
            ("per_device_train_batch_size", "\(work.samples)", "\(asked.samples)"),
            ("cutoff_len", "\(work.length)", "\(asked.length)"),
            ("optim", work.optimizer, asked.optimizer),
            ("gradient_checkpointing", "\(work.recomputes)", "\(asked.recomputes)"),
            ("deterministic", "\(work.deterministic)", "\(asked.deterministic)"),
        ]
        guard let (name, found, expected) = rows.first(where: { $0.1 != $0.2 }) else { return }
        throw .user(
            "--constants: '\(path)' was measured with \(name) \(found), but the configuration "
                + "has \(expected); measure it again with --save-constants")
    }
}
