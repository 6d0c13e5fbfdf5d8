import Autograd
package import Distributed
package import Kernels
import Metrics
package import Objectives

/// What held-out samples are tried with: memory, type of activations, ranks.
package struct Evaluator {
    package let workspace: Workspace
    package let computeType: ElementType
    package let communicator: any Communicator

    package init(
        in workspace: Workspace, computeType: ElementType, over communicator: any Communicator
    ) {
        self.workspace = workspace
        self.computeType = computeType
        self.communicator = communicator
    }

    /// The mean loss over the held-out samples. Collective; changes nothing.
    ///
    /// - Parameters:
    ///   - stepped: called after each batch.
    ///   - leaves: asked before each batch whether to leave out the rest. If one rank does, the
    ///     whole is worth nothing.
    package func evaluate(
        _ trials: any Trials, stepped: () -> Void = {}, leaves: () -> Bool = { false }
    ) throws(EvaluationError) -> EvaluationOutcome {
        var (loss, divisor, batches) = (0.0, 0.0, 0.0)
        var figures = FigureSums(trials.figureNames)
        var rows: [HeldOutRow] = []
        var (measures, isLeft) = try measures(of: trials, stepped, leaves)
        for number in 0..<trials.count {
            isLeft = isLeft || leaves()
            if isLeft { break }
            do {
                let outcome = try trials.loss(of: number, given: measures, in: pass)
                loss += outcome.loss.sum
                divisor += outcome.divisor
                figures.add(outcome.figures)
                rows += outcome.outputs
            } catch {
                throw .corpus(error)
            }
            batches += 1
            stepped()
        }
        var sums = [loss, divisor, batches, isLeft ? 1 : 0] + figures.numbers
        do {
            try communicator.sum(&sums)
        } catch {
            throw .communication(error)
        }
        figures.numbers = Array(sums.dropFirst(4))
        var outcome = EvaluationOutcome(
            loss: figures.sum(of: trials.lossParts) ?? sums[0] / max(sums[1], 1),
            figures: figures.means.map { Figure(name: $0.name, value: $0.value) },
            batches: Int(sums[2]), isCrossEntropy: trials.isCrossEntropy, targets: sums[1],
            isLeft: sums[3] > 0)
        if trials.keepsRows { outcome.rows = try gathered(rows) }
        return outcome
    }

    private var pass: ForwardPass { ForwardPass(workspace: workspace, computeType: computeType) }

    /// What losses need to know of all batches, and whether that was left unfinished. Collective.
    private func measures(
        of trials: any Trials, _ stepped: () -> Void, _ leaves: () -> Bool
    ) throws(EvaluationError) -> (Measures, isLeft: Bool) {
        var sums = Measures(trials.measureNames)
        guard !sums.names.isEmpty else { return (sums, false) }
        var isLeft = false
        for number in 0..<trials.count {
            isLeft = leaves()
            if isLeft { break }
            do {
                let found = try trials.measure(number, in: pass)
                for (place, value) in found.values.enumerated() { sums.values[place] += value }
            } catch {
                throw .corpus(error)
            }
            stepped()
        }
        do {
            try communicator.sum(&sums.values)
        } catch {
            throw .communication(error)
        }
        return (sums, isLeft)
    }

    /// All ranks' rows in the order of the data. Collective.
    ///
    /// A row travels behind its number, as two float32 of 24 bits each, and how many values it has.
    private func gathered(_ own: [HeldOutRow]) throws(EvaluationError) -> [HeldOutRow] {
        guard communicator.size > 1 else { return own.sorted { $0.number < $1.number } }
        let packed = own.flatMap { row in
            [row.number & 0xFF_FFFF, row.number >> 24, row.values.count].map { Float($0) }
                + row.values
        }
        let numbers: [Float]
        do {
            numbers = try communicator.allGather(packed).numbers
        } catch {
            throw .communication(error)
        }
        var rows: [HeldOutRow] = []
        var place = 0
        while place + 3 <= numbers.count {
            let head = numbers[place..<place + 3].map { Int($0) }
            let values = place + 3..<place + 3 + head[2]
            rows.append(HeldOutRow(number: head[0] | head[1] << 24, values: Array(numbers[values])))
            place = values.upperBound
        }
        return rows.sorted { $0.number < $1.number }
    }
}
