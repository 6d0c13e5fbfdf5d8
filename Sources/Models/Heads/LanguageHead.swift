package import Autograd
import Foundation
import Kernels

/// Logits over the vocabulary from hidden states, and the losses of them: scale · transform(h) Wᵀ + b.
package struct LanguageHead {
    package let weight: Parameter  // (V, E); E is C without a transform
    package let bias: Parameter?  // (V)
    package let transform: HeadTransform?
    package let scale: Float
    package let logitForm: LogitForm

    package init(
        weight: Parameter, bias: Parameter? = nil, transform: HeadTransform? = nil,
        scale: Float = 1, logitForm: LogitForm = LogitForm()
    ) {
        self.weight = weight
        self.bias = bias
        self.transform = transform
        self.scale = scale
        self.logitForm = logitForm
    }

    /// The summed loss of the targets. hidden (B, T, C), targets (B·T) with negatives ignored.
    ///
    /// - Parameters:
    ///   - lossForm: what the loss is of the targets' cross-entropy.
    ///   - rowWeights: (B·T), what each place's loss and its gradient are multiplied by.
    ///   - reference: a reference model's hidden states, where the form compares with it.
    ///   - keepsRows: whether ``Loss/logProbabilities`` (B·T) are wanted.
    package func loss(
        _ hidden: Tensor, targets: [Int32], lossForm: LossForm = LossForm(),
        rowWeights: [Float]? = nil, reference: Tensor? = nil, keepsRows: Bool = false,
        in pass: ForwardPass
    ) -> Loss {
        var rows = targets.indices.filter { targets[$0] >= 0 }
        // Prompts and filling rows need no logits.
        guard !keepsRows, !rows.isEmpty, rows.count * 8 < targets.count * 7 else {
            return pass.linearCrossEntropy(
                transformed(hidden, pass), weight: weight, bias: bias, targets: targets,
                form: logitForm, lossForm: lossForm, rowWeights: rowWeights,
                reference: reference, keepsRows: keepsRows)
        }
        // Filled up with rows that carry no loss, so that few shapes of products occur.
        let wanted = (rows.count + 63) / 64 * 64 - rows.count
        rows += targets.indices.lazy.filter { targets[$0] < 0 }.prefix(wanted)
        let places = rows.map(Int32.init)
        return pass.linearCrossEntropy(
            transformed(pass.rows(places, of: hidden), pass), weight: weight, bias: bias,
            targets: rows.map { targets[$0] }, form: logitForm, lossForm: lossForm,
            rowWeights: rowWeights.map { weights in rows.map { weights[$0] } },
            reference: reference.map { pass.rows(places, of: $0) })
    }

    /// The likeliest token at each place that has a target, −1 elsewhere. (B·T) Nothing is recorded.
    package func likeliest(
        _ hidden: Tensor, targets: [Int32], in pass: ForwardPass
    ) -> [Int32] {
        var likeliest = [Int32](repeating: -1, count: targets.count)
        let rows = targets.indices.filter { targets[$0] >= 0 }
        // Logits of few rows at once: a vocabulary is wide.
        for start in stride(from: 0, to: rows.count, by: 64) {
            let part = rows[start..<min(start + 64, rows.count)]
            let logits = logits(pass.rows(part.map(Int32.init), of: hidden), in: pass)
            let width = logits.shape.width
            for (number, row) in part.enumerated() {
                likeliest[row] = Int32(
                    TokenSelection.likeliest(
                        pass.workspace.numbers(
                            logits.buffer.advanced(by: number * width), count: width)))
            }
        }
        return likeliest
    }

    /// A token for each of some rows of the hidden states, drawn as often as the logits have it. Nothing is
    /// recorded.
    ///
    /// - Parameter uniform: numbers on [0, 1), one for each row.
    package func drawn(
        _ hidden: Tensor, rows: [Int32], in pass: ForwardPass, uniform: () -> Double
    ) -> [Int32] {
        var tokens: [Int32] = []
        for start in stride(from: 0, to: rows.count, by: 64) {
            let part = Array(rows[start..<min(start + 64, rows.count)])
            let logits = logits(pass.rows(part, of: hidden), in: pass)
            let width = logits.shape.width
            for number in part.indices {
                let scores = pass.workspace.numbers(
                    logits.buffer.advanced(by: number * width), count: width)
                let most = Double(scores.max() ?? 0)
                let powers = scores.map { exp(Double($0) - most) }
                var left = uniform() * powers.reduce(0, +)
                let token = powers.firstIndex { power in
                    left -= power
                    return left < 0
                }
                tokens.append(Int32(token ?? width - 1))
            }
        }
        return tokens
    }

    /// log p(target) at each place, 0 where the target is negative. (B·T) Nothing is recorded.
    package func logProbabilities(
        _ hidden: Tensor, targets: [Int32], in pass: ForwardPass
    ) -> [Float] {
        let rows = targets.indices.filter { targets[$0] >= 0 }
        // Prompts and filling rows need no logits.
        guard !rows.isEmpty, rows.count * 8 < targets.count * 7 else {
            return pass.targetLogProbabilities(
                transformed(hidden, pass), weight: weight, bias: bias, targets: targets,
                form: logitForm)
        }
        let found = pass.targetLogProbabilities(
            transformed(pass.rows(rows.map(Int32.init), of: hidden), pass), weight: weight,
            bias: bias, targets: rows.map { targets[$0] }, form: logitForm)
        var all = [Float](repeating: 0, count: targets.count)
        for (row, value) in zip(rows, found) { all[row] = value }
        return all
    }

    /// Log-probabilities of targets, and entropies, 0 where a target is negative. (B·T) Nothing is recorded.
    package func targetScores(
        _ hidden: Tensor, targets: [Int32], in pass: ForwardPass
    ) -> TargetScores {
        let rows = targets.indices.filter { targets[$0] >= 0 }
        var all = TargetScores(
            logProbabilities: [Float](repeating: 0, count: targets.count),
            entropies: [Float](repeating: 0, count: targets.count))
        guard !rows.isEmpty else { return all }
        let found = pass.targetScores(
            transformed(pass.rows(rows.map(Int32.init), of: hidden), pass), weight: weight,
            bias: bias, targets: rows.map { targets[$0] }, form: logitForm)
        for (number, row) in rows.enumerated() {
            all.logProbabilities[row] = found.logProbabilities[number]
            all.entropies[row] = found.entropies[number]
        }
        return all
    }

    /// Whether logits can be divided by a number by scaling hidden states.
    package var isLinear: Bool { bias == nil && logitForm.softcap == 0 }

    /// The head whose logits are this one's divided by a temperature.
    package func divided(by temperature: Float) -> LanguageHead {
        guard temperature != 1 else { return self }
        precondition(isLinear, "a temperature of \(temperature) for logits with a bias or a cap")
        return LanguageHead(
            weight: weight, transform: transform, scale: scale / temperature, logitForm: logitForm)
    }

    /// Logits (…, V) float32. Nothing is recorded.
    package func logits(_ hidden: Tensor, in pass: ForwardPass) -> Tensor {
        pass.logits(transformed(hidden, pass), weight: weight, bias: bias, form: logitForm)
    }

    private func transformed(_ hidden: Tensor, _ pass: ForwardPass) -> Tensor {
        let states = transform?(hidden, pass) ?? hidden
        return scale == 1 ? states : pass.convert(states, to: states.type, times: scale)
    }
}
