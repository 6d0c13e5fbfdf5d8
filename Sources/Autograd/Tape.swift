package import Kernels

/// The records of one forward pass, in order, and the gradients under way while it is replayed.
///
/// A record is dropped as soon as it has run, so that its memory returns to the pool. Uses of
/// parameters are counted while recording; a parameter is ready when its count is back at zero.
package final class Tape {
    private var name: ObjectIdentifier { ObjectIdentifier(self) }
    private var records: [(any TapeRecord)?] = []
    private var gradients: [Tensor?] = []
    private var uses: [ObjectIdentifier: Int] = [:]

    package init() {}

    func record<Op: DifferentiableOp>(
        _ op: Op, saved: Op.Saved, inputs: [Tensor]
    ) -> TapePlace {
        precondition(
            inputs.allSatisfy { $0.origin.map { $0.tape == name } ?? true },
            "\(op.label): an input of another tape; a block is given all that it reads")
        count(op.parameters)
        // What has a gradient is read as it was, and its gradient written.
        let bytes = inputs.reduce(0) { $0 + ($1.origin == nil ? 0 : 2 * $1.bytes) }
        records.append(
            Record(op: op, saved: saved, origins: inputs.map(\.origin?.index), inputBytes: bytes))
        return place()
    }

    /// A place for the gradient of a value that no record here produced.
    func leaf() -> TapePlace {
        records.append(nil)
        return place()
    }

    private func place() -> TapePlace {
        gradients.append(nil)
        return TapePlace(tape: name, index: records.count - 1)
    }

    func count(_ parameters: [Parameter]) {
        for parameter in parameters where parameter.learns {
            uses[ObjectIdentifier(parameter), default: 0] += 1
        }
    }

    func takeGradient(_ index: Int) -> Tensor? {
        defer { gradients[index] = nil }
        return gradients[index]
    }

    func putGradient(_ gradient: Tensor, _ index: Int) { gradients[index] = gradient }

    /// Replays the records backwards from those that produced `roots`.
    ///
    /// - Parameters:
    ///   - roots: outputs, each with its gradient; `nil` where its record needs none (a loss).
    ///   - used: called after a record has added to a parameter's gradient.
    func replay(
        from roots: [(output: Tensor, gradient: Tensor?)], in workspace: Workspace,
        used: (Parameter) -> Void
    ) {
        var losses: [Int: Tensor] = [:]
        for (output, gradient) in roots {
            guard let index = output.origin?.index else { continue }
            if gradient != nil { gradients[index] = gradient } else { losses[index] = output }
        }
        guard let last = roots.compactMap(\.output.origin?.index).max() else { return }
        for index in stride(from: last, through: 0, by: -1) {
            guard let record = records[index] else { continue }
            records[index] = nil
            guard let incoming = takeGradient(index) ?? losses[index] else {
                precondition(
                    !record.beginsGradients,
                    "backward: \(record.label) has a gradient of its own but is no root of it")
                record.parameters.forEach(used)
                continue
            }
            record.run(incoming, on: self, in: workspace, used: used)
        }
    }

    /// Replays backwards from losses and tells `ready` each parameter whose gradient is complete.
    package func backward(
        from losses: [Tensor], in workspace: Workspace, ready: ((Parameter) -> Void)?
    ) {
        let last = losses.compactMap(\.origin?.index).max() ?? -1
        precondition(
            records.dropFirst(last + 1).allSatisfy { $0?.beginsGradients != true },
            "backward: a loss was recorded behind those that it begins from")
        replay(from: losses.map { ($0, nil) }, in: workspace) { parameter in
            guard let ready, let left = self.uses[ObjectIdentifier(parameter)] else { return }
            self.uses[ObjectIdentifier(parameter)] = left - 1
            if left == 1 { ready(parameter) }
        }
    }
}

/// Where on a tape the record of a value stands.
struct TapePlace {
    let tape: ObjectIdentifier
    let index: Int
}

/// A record without the type of its op.
private protocol TapeRecord {
    var parameters: [Parameter] { get }
    var beginsGradients: Bool { get }
    var label: String { get }
    func run(
        _ gradient: Tensor, on tape: Tape, in workspace: Workspace, used: (Parameter) -> Void)
}

private struct Record<Op: DifferentiableOp>: TapeRecord {
    let op: Op
    let saved: Op.Saved
    let origins: [Int?]
    /// Of inputs and their gradients.
    let inputBytes: Int

    var parameters: [Parameter] { op.parameters }
    var beginsGradients: Bool { op.beginsGradients }
    var label: String { op.label }

    func run(
        _ gradient: Tensor, on tape: Tape, in workspace: Workspace, used: (Parameter) -> Void
    ) {
        let gradients = InputGradients(tape: tape, origins: origins)
        if let segment = op as? any RecomputedSegment {
            segment.replay(gradient, into: gradients, in: workspace, used: used)
            return
        }
        if let clock = workspace.clock {
            clock.measure(
                op.label + " backward",
                operations: op.operations(rows: gradient.shape.rows).backward,
                bytes: { gradient.bytes + inputBytes },
                running: { op.backward(gradient, saved: saved, into: gradients, in: workspace) })
        } else {
            op.backward(gradient, saved: saved, into: gradients, in: workspace)
        }
        op.parameters.forEach(used)
    }
}

/// An op whose backward runs a tape of its own and reports the parameters it used one by one.
protocol RecomputedSegment {
    func replay(
        _ gradient: Tensor, into gradients: InputGradients, in workspace: Workspace,
        used: (Parameter) -> Void)
}
