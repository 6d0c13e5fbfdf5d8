package import Autograd
import Foundation
package import Kernels

/// The settings of an optimizer that stay the same over a run.
package struct OptimizerSettings: Sendable {
    package var rule: UpdateRule
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    package var weightDecay: Double

    /// - Parameter beta1: the momentum, for SGD.
    package init(
        rule: UpdateRule, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double
    ) {
        self.rule = rule
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// The name under which checkpoints keep the rule.
    package var name: String {
        switch rule {
        case .adamW: "adamw"
        case .lion: "lion"
        case .sgd: "sgd"
        }
    }

    var hasFirstMoment: Bool { rule == .adamW || rule == .lion || beta1 != 0 }
}

/// Moves the masters by their gradients, and keeps the moments of the ranges it owns.
///
/// The formulas are PyTorch's AdamW (arXiv:1711.05101, algorithm 2), Lion (arXiv:2302.06675,
/// algorithm 2) and PyTorch's SGD. Norms and biases are not decayed.
package final class Optimizer {
    package let settings: OptimizerSettings
    /// Updates made so far.
    package private(set) var steps = 0
    private let store: ParameterStore
    private let workspace: Workspace
    /// What is updated here, with the place of its moments.
    private let pieces: [Piece]
    private let first: Buffer?
    private let second: Buffer?

    /// A stretch of the flat arrays with one weight decay and one learning rate.
    private struct Piece {
        let range: Range<Int>
        /// Elements before its moments.
        let moments: Int
        let decays: Bool
        let rateFactor: Float
    }

    /// Where a rank that updates `ranges` keeps its moments: stretches of one parameter each, in order.
    static func places(
        of ranges: [Range<Int>], in store: ParameterStore
    ) -> [(range: Range<Int>, moments: Int, parameter: Parameter)] {
        var places: [(range: Range<Int>, moments: Int, parameter: Parameter)] = []
        var count = 0
        for range in ranges {
            for slot in store.slots {
                let part = slot.range.clamped(to: range)
                guard !part.isEmpty else { continue }
                places.append((part, count, slot.parameter))
                count += part.count
            }
        }
        return places
    }

    /// - Parameters:
    ///   - ranges: the elements of the flat arrays that this rank updates.
    ///   - rateFactor: a parameter's learning rate over the run's.
    package init(
        _ settings: OptimizerSettings, store: ParameterStore, ranges: [Range<Int>],
        in workspace: Workspace, rateFactor: (Parameter) -> Double = { _ in 1 }
    ) {
        self.settings = settings
        self.store = store
        self.workspace = workspace
        pieces = Self.places(of: ranges, in: store).map {
            Piece(
                range: $0.range, moments: $0.moments, decays: $0.parameter.decays,
                rateFactor: Float(rateFactor($0.parameter)))
        }
        let count = pieces.reduce(0) { $0 + $1.range.count }
        first = settings.hasFirstMoment ? workspace.zeros(count, .float32) : nil
        second = settings.rule.hasSecondMoment ? workspace.zeros(count, .float32) : nil
    }

    /// Bytes of optimizer state on this rank.
    package var stateBytes: Int {
        let count = pieces.reduce(0) { $0 + $1.range.count }
        return count * 4 * ((first == nil ? 0 : 1) + (second == nil ? 0 : 1))
    }

    /// Makes one update.
    ///
    /// - Parameters:
    ///   - learningRate: of this step.
    ///   - gradientScale: factor on all gradients: unscaling, division by the targets, clipping.
    package func update(learningRate: Double, gradientScale: Double) {
        guard let gradients = store.gradients else { return }
        steps += 1
        var factors = UpdateFactors(
            learningRate: Float(learningRate), beta1: settings.beta1, beta2: settings.beta2,
            epsilon: Float(settings.epsilon), weightDecay: 0,
            correction1: 1, correction2: 1, gradientScale: Float(gradientScale))
        switch settings.rule {
        case .adamW:
            factors.correction1 = Float(1 - pow(settings.beta1, Double(steps)))
            factors.correction2 = Float(1 - pow(settings.beta2, Double(steps)))
        case .sgd: factors.correction1 = steps == 1 ? 0 : 1
        case .lion: break
        }
        for piece in pieces {
            factors.learningRate = Float(learningRate) * piece.rateFactor
            factors.weightDecay = piece.decays ? Float(settings.weightDecay) : 0
            let start = piece.range.lowerBound
            let gradients = gradients.advanced(by: start)
            let first = first?.advanced(by: piece.moments)
            let second = second?.advanced(by: piece.moments)
            if let weights = store.splitMasters {
                workspace.update(
                    settings.rule, factors, weights: weights.advanced(by: start),
                    gradients: gradients, first: first, second: second, count: piece.range.count)
            } else if let weights = store.masters {
                workspace.update(
                    settings.rule, factors, weights: weights.advanced(by: start),
                    gradients: gradients, first: first, second: second,
                    copies: store.copies?.advanced(by: start), count: piece.range.count)
            }
        }
        store.refreshSmallValues()
    }

    /// Whether the rule has this moment.
    package func keeps(_ moment: Moment) -> Bool { memory(of: moment) != nil }

    /// What this rank keeps of a moment, float32, laid out as ``places(of:in:)`` says.
    func memory(of moment: Moment) -> Buffer? { moment == .first ? first : second }

    /// Copies what this rank keeps of a moment in a range of the flat arrays. `y` begins where the
    /// range does; the rest of it stays as it is.
    package func copy(_ moment: Moment, in range: Range<Int>, into y: Buffer) {
        guard let kept = moment == .first ? first : second else { return }
        for piece in pieces {
            let part = piece.range.clamped(to: range)
            guard !part.isEmpty else { continue }
            workspace.convert(
                kept.advanced(by: piece.moments + part.lowerBound - piece.range.lowerBound),
                to: y.advanced(by: part.lowerBound - range.lowerBound), count: part.count)
        }
    }

    /// Takes this rank's moments out of a flat array.
    package func restore(_ moment: Moment, from flat: Buffer) {
        guard let kept = moment == .first ? first : second else { return }
        for piece in pieces {
            workspace.convert(
                flat.advanced(by: piece.range.lowerBound),
                to: kept.advanced(by: piece.moments), count: piece.range.count)
        }
    }

    /// Sets how many updates have been made, from a checkpoint.
    package func restore(steps: Int) { self.steps = steps }

    /// Which running mean of the gradients.
    package enum Moment: Sendable {
        case first
        /// Of their squares.
        case second
    }
}
