/// A summed loss, how many targets it is the sum of, and where backward begins.
package struct Loss {
    /// Natural-log units, summed over targets.
    package let sum: Double
    package let targets: Int
    /// log p(target) of each row, 0 where the target is negative; where it was asked for.
    package let logProbabilities: [Float]?
    /// The outputs of the losses that it is made of.
    let roots: [Tensor]

    init(sum: Double, targets: Int, logProbabilities: [Float]? = nil, roots: [Tensor]) {
        self.sum = sum
        self.targets = targets
        self.logProbabilities = logProbabilities
        self.roots = roots
    }

    /// A number that no backward begins from.
    package init(of sum: Double, targets: Int) {
        self.init(sum: sum, targets: targets, roots: [])
    }

    /// Both losses at once, in one backward. It stays the sum over this one's targets.
    package func adding(_ other: Loss) -> Loss {
        Loss(
            sum: sum + other.sum, targets: targets, logProbabilities: logProbabilities,
            roots: roots + other.roots)
    }

    /// The same backward, as that of another number: of a function of the targets' log-probabilities
    /// whose derivatives their weights are.
    package func standing(for sum: Double, targets: Int) -> Loss {
        Loss(sum: sum, targets: targets, logProbabilities: logProbabilities, roots: roots)
    }
}
