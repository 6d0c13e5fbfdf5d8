package import Configuration
import Foundation
import Kernels

/// A search for the likeliest text: the best few beginnings are continued, step by step.
///
/// Equal to transformers' `_beam_search` without sampling, for one prompt, in its arithmetic of
/// float32.
package struct BeamSearch {
    /// A beginning of a text: its new tokens and the sum of their log-probabilities.
    package struct Beam {
        package var tokens: [Int32] = []
        package var score: Float = 0
        /// The beam of the step before that it continues.
        package var parent = 0
    }

    private let settings: BeamSettings
    private let ends: Set<Int32>
    /// New tokens at most.
    private let longest: Int
    /// What goes on, best first; a single one before the first step.
    package private(set) var running = [Beam()]
    /// Finished texts, best first, their scores divided by the power of their length.
    private var finished: [Beam] = []
    private var canImprove = true
    /// Whether the search is over.
    package private(set) var isOver = false

    package init(_ settings: BeamSettings, ends: Set<Int32>, longest: Int) {
        precondition(settings.count > 0 && longest > 0, "beam search: \(settings), \(longest)")
        self.settings = settings
        self.ends = ends
        self.longest = longest
    }

    /// The best text, without the token that ended it.
    package var best: [Int32] {
        var tokens = (finished.first ?? running.first)?.tokens ?? []
        if let last = tokens.last, ends.contains(last) { tokens.removeLast() }
        return tokens
    }

    /// Makes a step.
    ///
    /// - Parameter scores: log-probabilities (V) of each running beam's next token.
    package mutating func advance(_ scores: [[Float]]) {
        precondition(scores.count == running.count, "beam search: \(scores.count) rows")
        let length = (running.first?.tokens.count ?? 0) + 1
        let candidates = continuations(scores)
        let isLast = length >= longest
        func hits(_ beam: Beam) -> Bool {
            isLast || beam.tokens.last.map(ends.contains) ?? false
        }
        finish(candidates.prefix(settings.count).filter(hits), length: length)
        let open = candidates.filter { !hits($0) }
        running = Array(open.prefix(settings.count))
        guard let leader = running.first else {
            isOver = true
            return
        }
        checkImprovement(leader, length: length)
        let isFull = finished.count == settings.count
        isOver = !canImprove || (isFull && settings.earlyStopping == .always)
    }

    /// The likeliest continuations of all beams, enough that as many as there are beams go on
    /// where all ends of a text are among them.
    private func continuations(_ scores: [[Float]]) -> [Beam] {
        let wanted = max(2, 1 + ends.count) * settings.count
        var all: [Beam] = []
        for (parent, row) in scores.enumerated() {
            let beam = running[parent]
            let sums = row.map { $0 + beam.score }
            for token in TokenSelection.largest(wanted, of: sums).prefix(wanted) {
                all.append(
                    Beam(
                        tokens: beam.tokens + [token], score: sums[Int(token)], parent: parent))
            }
        }
        return Array(
            all.enumerated().sorted {
                ($1.element.score, $0.offset) < ($0.element.score, $1.offset)
            }.prefix(wanted).map(\.element))
    }

    /// Takes in texts that have just ended; only the best of all are kept.
    private mutating func finish(_ beams: [Beam], length: Int) {
        let isFull = finished.count == settings.count
        guard canImprove, !(isFull && settings.earlyStopping == .always) else { return }
        let divisor = Float(pow(Double(length), settings.lengthPenalty))
        for var beam in beams {
            beam.score /= divisor
            let place = finished.firstIndex { $0.score < beam.score } ?? finished.count
            finished.insert(beam, at: place)
        }
        finished.removeLast(max(0, finished.count - settings.count))
    }

    /// Whether the best beam may still become better than the worst finished text.
    private mutating func checkImprovement(_ leader: Beam, length: Int) {
        guard finished.count == settings.count, let worst = finished.last else { return }
        let isEndless = settings.earlyStopping == .never && settings.lengthPenalty > 0
        let best = Float(pow(Double(isEndless ? longest : length), settings.lengthPenalty))
        canImprove = canImprove && leader.score / best > worst.score
    }
}
