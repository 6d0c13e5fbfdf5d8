import Autograd
package import Checkpoints
import Foundation
import Kernels

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
        /// float32; `nil` while it is to be read from `live`.
        var values: Buffer?
        var live: (kind: LiveArrays.Kind, range: Range<Int>)?
    }

    private let workspace: Workspace
    private let arrays: LiveArrays?
    /// Guards what follows.
    private let lock = NSCondition()
    private var parts: [Part] = []
    /// The first part that the writer has not taken.
    private var next = 0
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
            Part(group: group, array: array, count: parameter.count, values: values, live: live))
    }

    /// Writes the arrays, group by group. For the writer's thread.
    package func append(to writer: CheckpointWriter) throws(CheckpointError) {
        var room: Buffer?
        for index in 0..<lock.withLock({ parts.count }) {
            let part = take(index)
            if let live = part.live, part.values == nil {
                let buffer = room ?? workspace.buffer(longest, .float32)
                room = buffer
                try read(live, into: buffer)
            }
            if let failure = lock.withLock({ failure }) { throw failure }
            guard let values = part.values ?? room else { continue }
            try writer.append(part.array, values.numbers(part.count), to: part.group)
        }
    }

    /// Numbers of the longest array.
    private var longest: Int { lock.withLock { parts.map(\.count).max() ?? 0 } }

    private func take(_ index: Int) -> Part {
        lock.withLock {
            next = index + 1
            isReading = parts[index].live != nil && parts[index].values == nil
            return parts[index]
        }
    }

    private func read(
        _ live: (kind: LiveArrays.Kind, range: Range<Int>), into buffer: Buffer
    ) throws(CheckpointError) {
        defer {
            lock.withLock {
                isReading = false
                lock.broadcast()
            }
        }
        try arrays?.read(live.kind, live.range, into: buffer.floats)
    }

    /// The longest wait for the writer that is worth not copying, seconds.
    private static let patience = 0.5

    /// Makes the snapshot independent of the arrays, before they change: waits for the writer where it
    /// is nearly done with reading, and copies what it has not read.
    package func detach() {
        lock.lock()
        defer { lock.unlock() }
        let deadline = Date(timeIntervalSinceNow: Self.patience)
        while secondsLeft < Self.patience, hasLiveParts, lock.wait(until: deadline) {}
        while isReading { lock.wait() }
        for index in parts.indices.dropFirst(next) {
            guard let live = parts[index].live, parts[index].values == nil, failure == nil else {
                continue
            }
            let values = workspace.buffer(parts[index].count, .float32)
            do throws(CheckpointError) {
                try arrays?.read(live.kind, live.range, into: values.floats)
            } catch {
                failure = error
            }
            parts[index].values = values
        }
    }

    private var hasLiveParts: Bool {
        isReading || parts.dropFirst(next).contains { $0.live != nil && $0.values == nil }
    }

    /// How long the writer will be reading, at the rate at which it has written.
    private var secondsLeft: Double {
        let done = parts.prefix(max(0, next - 1)).reduce(0) { $0 + $1.count }
        guard done > 0 else { return .infinity }
        let left = parts.dropFirst(next - 1).reduce(0) { $0 + $1.count }
        return (ContinuousClock.now - start) / .seconds(1) * Double(left) / Double(done)
    }
}
