import Configuration
import Distributed
import Foundation

/// What a checkpoint remembers of a run's data, so that a resumed run notices other data of the
/// same size, or another order of it.
package struct DataRecord: Codable, Sendable, Equatable {
    /// Stands for what is learned: the ids of shards and token files, the labels of examples;
    /// hexadecimal. Prompts do not count, for a template may put the day's date there.
    var content: String?
    /// Stands for the files that examples are made from, where those were there; hexadecimal.
    var files: String?
    /// Samples to train on, without those held out.
    var samples: Int
    /// What the order of samples is drawn from; `nil` in file order.
    var orderSeed: Int?
    /// Whether the samples of a step are of similar length; `nil` in checkpoints of before.
    var isGrouped: Bool?

    package init(
        content: String?, files: String?, samples: Int, orderSeed: Int?, isGrouped: Bool? = nil
    ) {
        self.content = content
        self.files = files
        self.samples = samples
        self.orderSeed = orderSeed
        self.isGrouped = isGrouped
    }

    init(_ data: SessionData, _ configuration: RunConfiguration) {
        self.init(
            content: data.content, files: data.files, samples: data.trainingCount,
            orderSeed: configuration.data.disableShuffling ? nil : configuration.train.dataSeed,
            isGrouped: configuration.data.groupsByLength ? true : nil)
    }

    /// What is not as it was, in words; empty where nothing is.
    ///
    /// - Parameter kept: what the checkpoint remembers.
    package func changes(since kept: DataRecord) -> [String] {
        var changes: [String] = []
        if let old = kept.content, let new = content, old != new {
            changes.append("its tokens are others")
        } else if let old = kept.files, let new = files, old != new {
            changes.append("the rows of its files are others")
        }
        if samples != kept.samples {
            changes.append(
                "\(samples) samples are trained on, not \(kept.samples) (val_size, max_samples)")
        }
        if orderSeed != kept.orderSeed {
            func words(_ seed: Int?) -> String { seed.map { "data_seed \($0)" } ?? "file order" }
            changes.append("the order is that of \(words(orderSeed)), not \(words(kept.orderSeed))")
        }
        if isGrouped != kept.isGrouped {
            changes.append(
                "its order is \(isGrouped == true ? "now" : "no longer") grouped by length")
        }
        return changes
    }
}

extension SessionData {
    /// The content of examples, as ``DataRecord/content`` has it.
    static func content(labels: some Sequence<[Int32]>) -> String {
        var fingerprint = Fingerprint()
        for example in labels {
            var learned: UInt64 = 0
            for label in example where label >= 0 {
                fingerprint.add(UInt64(UInt32(bitPattern: label)))
                learned += 1
            }
            fingerprint.add(learned | 1 << 63)
        }
        return fingerprint.text
    }

    /// Stands for the content of files: all of it, or samples of those over 64 MiB, which a stream
    /// need not read twice. `nil` where one is not there.
    static func files(_ paths: [String]) -> String? {
        var fingerprint = Fingerprint()
        for path in paths {
            guard
                let data = try? Data(
                    contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
            else { return nil }
            fingerprint.add(UInt64(data.count))
            if data.count <= wholeFileBytes {
                fingerprint.add(data)
                continue
            }
            for index in 0..<sampledBlocks {
                let first = Int(
                    Double(data.count - blockBytes) * Double(index) / Double(sampledBlocks - 1))
                fingerprint.add(data[first..<first + blockBytes])
            }
        }
        return fingerprint.text
    }

    private static let wholeFileBytes = 64 << 20
    private static let sampledBlocks = 1024
    private static let blockBytes = 16 << 10
}
