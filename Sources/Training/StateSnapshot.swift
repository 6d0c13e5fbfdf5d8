import Autograd
package import Checkpoints
import Files
import Foundation
import Kernels
import Optimizers

/// A run's arrays as they are at the end of a step, for the thread that writes the checkpoint while
/// training goes on.
///
/// Arrays that the writer can read where they lie are copied only if it has not come to them by the
/// next update, see ``detach()``; the others when the snapshot is made.
package final class StateSnapshot: @unchecked Sendable {
    private struct Part {
        let group: CheckpointGroup
        let array: ArrayDescription
        let count: Int
        /// What lies in `live`, if it is to be read there.
        let live: (kind: LiveArrays.Kind, range: Range<Int>)?
        /// The numbers from `start` on, float32, where they have been copied.
        var copy: (start: Int, values: Buffer)?
    }

    private let workspace: Workspace
    private let arrays: LiveArrays?
    /// Guards what follows.
    private let lock = NSCondition()
    private var parts: [Part] = []
    /// The part that the writer is at, and how many of its numbers it has taken.
    private var (current, taken) = (0, 0)
    /// Whether the writer is reading an array where it lies.
    private var isReading = false
    /// Why an array could not be copied.
    private var failure: CheckpointError?
    private let start = ContinuousClock.now

    /// - Parameter arrays: where those arrays lie that are not copied; `nil` to copy all.
    init(of parameters: [Parameter], in workspace: Workspace, reading arrays: LiveArrays? = nil) {
        self.workspace = workspace
        self.arrays = arrays
        guard arrays == nil else { return }
        let room = workspace.buffer(parameters.reduce(0) { $0 + $1.count }, .float32)
        var place = 0
        for parameter in parameters {
            let values = room.advanced(by: place)
            workspace.copy(parameter, into: values)
            add(parameter, to: .model, values: values)
            place += parameter.count
        }
    }

    /// Adds what belongs to parameters in the places that they have in the flat arrays, without
    /// copying it.
    func add(_ flat: Buffer, laidOutAs slots: [ParameterStore.Slot], to group: CheckpointGroup) {
        for slot in slots {
            add(slot.parameter, to: group, values: flat.advanced(by: slot.offset))
        }
    }

    /// Adds what the optimizer keeps for parameters in shapes of their own, one array after the other.
    func add(_ values: Buffer, laidOutAs arrays: [(parameter: Parameter, array: StateArray)]) {
        var place = 0
        for (parameter, array) in arrays {
            parts.append(
                Part(
                    group: .optimizer(array.name),
                    array: ArrayDescription(name: parameter.name, shape: array.shape.extents),
                    count: array.shape.count, live: nil,
                    copy: (0, values.advanced(by: place))))
            place += array.shape.count
        }
    }

    /// Adds what belongs to parameters in an array that the writer reads where it lies.
    func add(_ kind: LiveArrays.Kind, of slots: [ParameterStore.Slot], to group: CheckpointGroup) {
        for slot in slots { add(slot.parameter, to: group, live: (kind, slot.range)) }
    }

    private func add(
        _ parameter: Parameter, to group: CheckpointGroup, values: Buffer? = nil,
        live: (kind: LiveArrays.Kind, range: Range<Int>)? = nil
    ) {
        let array = ArrayDescription(name: parameter.name, shape: parameter.shape.extents)
        parts.append(
            Part(
                group: group, array: array, count: parameter.count, live: live,
                copy: values.map { (0, $0) }))
    }

    /// Numbers that are written at a time: what a direct write takes.
    package var piece = 1 << 21

    /// Writes the arrays, group by group. For the writer's thread.
    package func append(to writer: CheckpointWriter) throws(CheckpointError) {
        let all = lock.withLock { parts }
        let longest = all.map { $0.count / max($0.array.shape.first ?? 1, 1) }.max() ?? 0
        let count = max(piece, longest)
        let room = workspace.buffer(count, .float32).hostView(0..<count)
        var (turn, sinceTurn) = (0, piece)
        for (index, part) in all.enumerated() {
            try writer.append(part.array, to: part.group, through: room.words) {
                range, place throws(CheckpointError) in
                if sinceTurn >= piece {
                    arrays?.takeTurn(turn)
                    (turn, sinceTurn) = (turn + 1, 0)
                }
                sinceTurn += range.count
                if let copy = try take(range, of: index) {
                    let values = copy.values.advanced(by: range.lowerBound - copy.start)
                    workspace.numbers(values, count: range.count, into: room, at: place)
                } else {
                    try read(range, of: part, into: room, at: place)
                }
            }
        }
    }

    /// Notes that the writer has come to some numbers. Returns where they have been copied; where they
    /// have not, they must be read at once, as others wait for that.
    private func take(
        _ range: Range<Int>, of index: Int
    ) throws(CheckpointError) -> (start: Int, values: Buffer)? {
        let (copy, failure) = lock.withLock {
            (current, taken) = (index, range.upperBound)
            isReading = parts[index].copy == nil && self.failure == nil
            return (parts[index].copy, self.failure)
        }
        if let failure { throw failure }
        return copy
    }

    private func read(
        _ range: Range<Int>, of part: Part, into view: HostView, at target: Int
    ) throws(CheckpointError) {
        defer {
            lock.withLock {
                isReading = false
                lock.broadcast()
            }
        }
        try readLive(range, of: part, into: view, at: target)
    }

    private func readLive(
        _ range: Range<Int>, of part: Part, into view: HostView, at target: Int
    ) throws(CheckpointError) {
        guard let arrays, let (kind, place) = part.live else {
            preconditionFailure("\(part.array.name) is neither copied nor readable")
        }
        let first = place.lowerBound
        try arrays.read(
            kind, first + range.lowerBound..<first + range.upperBound, into: view, at: target)
    }

    /// The longest wait for the writer that is better than copying, seconds.
    private static let patience = 1.0

    /// Makes the snapshot independent of the arrays, before they change: waits for the writer where it
    /// is nearly done with reading, and copies what it has not read.
    package func detach() {
        lock.lock()
        defer { lock.unlock() }
        guard numbersLeft > 0 || isReading else { return }
        let deadline = Date(timeIntervalSinceNow: Self.patience)
        while secondsLeft < Self.patience, numbersLeft > 0, lock.wait(until: deadline) {}
        while isReading { lock.wait() }
        for index in parts.indices.dropFirst(current) {
            let part = parts[index]
            let start = index == current ? taken : 0
            guard part.live != nil, part.copy == nil, start < part.count, failure == nil else {
                continue
            }
            let values = workspace.buffer(part.count - start, .float32)
            do throws(CheckpointError) {
                let view = values.hostView(0..<part.count - start)
                try readLive(start..<part.count, of: part, into: view, at: 0)
                view.commit()
            } catch {
                failure = error
            }
            parts[index].copy = (start, values)
        }
    }

    /// Numbers that the writer has still to read where they lie.
    private var numbersLeft: Int {
        parts.indices.dropFirst(current).reduce(0) { sum, index in
            guard parts[index].live != nil, parts[index].copy == nil else { return sum }
            return sum + parts[index].count - (index == current ? taken : 0)
        }
    }

    /// How long the writer will be reading, at the rate at which it has come so far.
    private var secondsLeft: Double {
        let done = parts.prefix(current).reduce(taken) { $0 + $1.count }
        guard done > 0 else { return .infinity }
        return (ContinuousClock.now - start) / .seconds(1) * Double(numbersLeft) / Double(done)
    }
}
