import Masking
import Synchronization

/// An order in which a step's samples are of similar length, so that little is filled up.
///
/// Windows of up to ``stepsInWindow`` steps of the shuffled order are sorted by length and cut into
/// steps, which are taken in a drawn order. What a step takes depends on the samples, the seed and the
/// step's size alone, so a run resumes by its position and is the same on any number of ranks that
/// share a step of that size. Source: transformers, `get_length_grouped_indices`, whose steps stand in
/// the order of their lengths.
final class LengthGroups: Sendable {
    /// A window is at most a quarter of the samples, so that epochs differ.
    private static let stepsInWindow = 50

    private let source: any SampleSource
    private let order: SampleOrder
    private let step: Int
    private let window: Int
    private let seed: UInt64
    /// The window that was asked for last, for several positions of it are asked for in turn.
    private let latest = Mutex<(first: Int, samples: [Int])?>(nil)

    /// - Parameters:
    ///   - step: samples of a step over all ranks.
    ///   - seed: of the steps' order.
    init(_ source: any SampleSource, _ order: SampleOrder, step: Int, seed: UInt64) {
        self.source = source
        self.order = order
        self.step = step
        self.seed = KeyedPermutation.mix(seed ^ 0x6c65_6e67_7468)
        window = max(1, min(order.count / (4 * step), Self.stepsInWindow)) * step
    }

    /// The sample at a place of an epoch.
    func sample(at place: Int, epoch: Int) -> Int {
        let first = place / window * window
        let key = epoch * order.count + first
        return latest.withLock { latest in
            if let latest, latest.first == key { return latest.samples[place - first] }
            let samples = samples(from: first, epoch: epoch)
            latest = (key, samples)
            return samples[place - first]
        }
    }

    private func samples(from first: Int, epoch: Int) -> [Int] {
        let places = first..<min(first + window, order.count)
        let shuffled = places.map { order.index(at: epoch * order.count + $0) }
        let lengths = shuffled.map(source.length(of:))
        let sorted = shuffled.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        // A step that an epoch's end cuts short stays last.
        let whole = sorted.count / step
        let turns = KeyedPermutation(
            count: max(whole, 1), seed: seed, stream: UInt64(epoch * order.count + first))
        let steps = (0..<whole).map { turns($0) } + (sorted.count % step > 0 ? [whole] : [])
        return steps.flatMap { number in
            sorted[number * step..<min((number + 1) * step, sorted.count)].map { shuffled[$0] }
        }
    }
}
