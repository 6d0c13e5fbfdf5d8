import Autograd
import Foundation

/// How many bytes of text each token stands for, so that losses on one text compare whatever the tokenizer.
package struct TokenBytes: Sendable {
    /// Bits for each byte of the targets' text: the figure's name.
    package static let name = "bits_per_byte"

    private let bytes: [Int]

    /// - Parameter bytes: by id; 0 for tokens that are no text, whose loss counts all the same.
    package init(_ bytes: [Int]) { self.bytes = bytes }

    /// Bytes of text that ids stand for; those that the tokenizer lacks, and negative ones, for none.
    package func count(_ ids: some Sequence<Int32>) -> Int {
        ids.reduce(0) { bytes.indices.contains(Int($1)) ? $0 + bytes[Int($1)] : $0 }
    }

    /// Adds a batch.
    ///
    /// - Parameters:
    ///   - loss: the cross-entropy of all targets, in natural-log units.
    ///   - targets: −100 carries no loss.
    func add(_ loss: Loss, of targets: [Int32], to figures: inout FigureSums) {
        figures.add(Self.name, sum: loss.sum / log(2), count: Double(count(targets)))
    }
}
