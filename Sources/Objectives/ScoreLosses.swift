package import Autograd
import Foundation

/// −log softmax(scores)[target] of each row, negatives ignored.
package struct LabelLoss: ScoreLoss {
    let targets: [Int32]  // (rows)

    package init(targets: [Int32]) { self.targets = targets }

    package func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        var gradient = [Float](repeating: 0, count: scores.count)
        var (sum, count) = (0.0, 0)
        for (row, target) in targets.enumerated() where target >= 0 {
            let part = row * width..<(row + 1) * width
            let most = Double(scores[part].max() ?? 0)
            let powers = scores[part].map { exp(Double($0) - most) }
            let total = powers.reduce(0, +)
            sum += log(total) + most - Double(scores[part.lowerBound + Int(target)])
            count += 1
            for (place, power) in zip(part, powers) { gradient[place] = Float(power / total) }
            gradient[part.lowerBound + Int(target)] -= 1
        }
        return (sum, count, gradient)
    }
}

/// Whether each label holds, by its own logit: binary cross-entropy, summed over labels.
package struct LabelsLoss: ScoreLoss {
    /// (rows) of a 1 or 0 for each label; `nil` for rows without.
    let targets: [[Float]?]

    package init(targets: [[Float]?]) { self.targets = targets }

    package func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        RowTargets(targets, width).loss(scores) { score, target in
            let power = exp(-abs(score))
            let sigmoid = score >= 0 ? 1 / (1 + power) : power / (1 + power)
            return (max(score, 0) - score * target + log1p(power), sigmoid - target)
        }
    }
}

/// (score − target)², summed over a row's numbers.
package struct SquaredLoss: ScoreLoss {
    let targets: [[Float]?]  // (rows), `nil` for rows without

    package init(targets: [[Float]?]) { self.targets = targets }

    package func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        RowTargets(targets, width).loss(scores) { score, target in
            ((score - target) * (score - target), 2 * (score - target))
        }
    }
}

/// Another loss times a number.
package struct WeightedLoss<Form: ScoreLoss>: ScoreLoss {
    let form: Form
    let weight: Double

    package init(_ form: Form, weight: Double) {
        self.form = form
        self.weight = weight
    }

    package func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        let (sum, targets, gradient) = form(scores, width: width)
        return (sum * weight, targets, gradient.map { $0 * Float(weight) })
    }
}

/// A number to come near to for each score of some rows.
private struct RowTargets {
    let targets: [[Float]?]
    let width: Int

    init(_ targets: [[Float]?], _ width: Int) {
        precondition(
            targets.allSatisfy { $0?.count ?? width == width }, "targets of rows of \(width) scores"
        )
        self.targets = targets
        self.width = width
    }

    /// Σ over scores that have a target of what `part` gives, with its slope.
    func loss(
        _ scores: [Float], _ part: (_ score: Double, _ target: Double) -> (Double, Double)
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        var gradient = [Float](repeating: 0, count: scores.count)
        var (sum, count) = (0.0, 0)
        for case (let row, let targets?) in targets.enumerated() {
            for (place, target) in zip(row * width..<(row + 1) * width, targets) {
                let (loss, slope) = part(Double(scores[place]), Double(target))
                sum += loss
                gradient[place] = Float(slope)
                count += 1
            }
        }
        return (sum, count, gradient)
    }
}
