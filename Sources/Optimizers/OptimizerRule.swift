package import Autograd
package import Kernels

/// How weights follow from their gradients. One file a rule.
///
/// What a rule keeps has names, under which checkpoints hold it: `/optimizer/<array>/<parameter>`.
package protocol OptimizerRule: Sendable {
    /// The name under which checkpoints keep the rule.
    var name: String { get }

    /// A line that says what it does with which parameters; `nil` where it treats all alike.
    var summary: String? { get }

    /// Of matrices; norms and biases are not decayed.
    var weightDecay: Double { get }

    /// Names of what it keeps in a parameter's shape, float32, zeros at first. Ranks may divide it as
    /// they divide the weights.
    var elementwiseState: [String] { get }

    /// Whether one rank has to update a parameter as a whole.
    var needsWholeParameters: Bool { get }

    /// Whether its steps go through matrix products, whose rounding differs from processor to processor:
    /// one rank makes a parameter's step for all.
    var multipliesMatrices: Bool { get }

    /// Parameters that are trained in turn; `nil` where all are trained at once.
    var blocks: BlockOrder? { get }

    /// What else it keeps for a parameter, of any shape, float32, zeros at first; only of rules that
    /// need whole parameters.
    func ownState(of parameter: Parameter) -> [StateArray]

    /// Moves some weights of a parameter.
    func update(_ part: UpdatePart, in workspace: Workspace)
}

extension OptimizerRule {
    package var needsWholeParameters: Bool { false }
    package var multipliesMatrices: Bool { false }
    package var blocks: BlockOrder? { nil }
    package var summary: String? { nil }
    package func ownState(of parameter: Parameter) -> [StateArray] { [] }

    /// Numbers that it keeps for the trainable ones of `parameters`, at most.
    package func stateCount(of parameters: [Parameter]) -> Int {
        func count(_ names: Set<String>?) -> Int {
            parameters.filter { $0.isTrainable && names?.contains($0.name) != false }
                .reduce(0) { sum, parameter in
                    sum + elementwiseState.count * parameter.count
                        + ownState(of: parameter).reduce(0) { $0 + $1.shape.count }
                }
        }
        guard let blocks else { return count(nil) }
        return blocks.names.map { count($0) }.max() ?? 0
    }
}

/// An array that a rule keeps for a parameter.
package struct StateArray: Sendable, Equatable {
    package let name: String
    package let shape: Shape

    package init(name: String, shape: Shape) {
        self.name = name
        self.shape = shape
    }
}

/// Weights of one parameter that are updated in one go, and all that they are updated with.
package struct UpdatePart {
    /// Where the weights lie.
    package enum Weights {
        /// float32, and the copies of the compute type that kernels read.
        case whole(Buffer, copies: Buffer?)
        case split(SplitNumbers)
    }

    package let parameter: Parameter
    /// The elements of the parameter.
    package let range: Range<Int>
    package let weights: Weights
    /// float32, summed over ranks, not yet scaled.
    package let gradients: Buffer
    /// As ``OptimizerRule/elementwiseState`` names it; of the range.
    package private(set) var elementwise: [Buffer]
    /// As ``OptimizerRule/ownState(of:)`` names it.
    package let own: [Buffer]
    package let learningRate: Float
    /// 0 of norms and biases.
    package let weightDecay: Float
    /// Factor on the gradients: unscaling, division by the targets, clipping.
    package let gradientScale: Float
    /// From 1.
    package let step: Int

    /// The same for a rule that keeps everything in the parameter's shape.
    func keeping(_ arrays: [Buffer]) -> UpdatePart {
        var part = self
        part.elementwise = arrays
        return part
    }

    /// What every elementwise rule tells its kernel.
    func factors(
        beta1: Double, beta2: Double = 0, epsilon: Double = 0, correction1: Double = 1,
        correction2: Double = 1
    ) -> UpdateFactors {
        UpdateFactors(
            learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: Float(epsilon),
            weightDecay: weightDecay, correction1: Float(correction1),
            correction2: Float(correction2), gradientScale: gradientScale)
    }
}

extension UpdatePart {
    /// Σ w² of the weights.
    func sumOfSquares(in workspace: Workspace) -> Double {
        switch weights {
        case .whole(let weights, _): workspace.sumOfSquares(weights, count: range.count)
        case .split(let weights): workspace.sumOfSquares(weights, count: range.count)
        }
    }
}

extension Workspace {
    /// Runs an elementwise rule's kernel over a part.
    ///
    /// - Parameter gradients: float32, in place of the part's.
    func update(
        _ part: UpdatePart, by rule: UpdateRule, _ factors: UpdateFactors, first: Buffer? = nil,
        second: Buffer? = nil, gradients: Buffer? = nil
    ) {
        let gradients = gradients ?? part.gradients
        switch part.weights {
        case .whole(let weights, let copies):
            update(
                rule, factors, weights: weights, gradients: gradients, first: first,
                second: second, copies: copies, count: part.range.count)
        case .split(let weights):
            update(
                rule, factors, weights: weights, gradients: gradients, first: first,
                second: second, count: part.range.count)
        }
    }
}
