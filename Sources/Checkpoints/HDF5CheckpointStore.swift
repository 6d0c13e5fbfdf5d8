import Files
import Foundation

/// Checkpoints as files `checkpoint-<step>.h5` of one folder.
package struct HDF5CheckpointStore: CheckpointStore {
    /// The run's output folder.
    package let folder: String
    /// The version of the program, noted in each file.
    package let program: String

    /// - Parameter folder: made at the first write where it is not there.
    package init(folder: String, program: String) {
        self.folder = folder
        self.program = program
    }

    /// The file of `step`, whether or not it is there.
    package func path(step: Int) -> String {
        folder + "/" + CheckpointLayout.fileName(step: step)
    }

    /// - Throws: ``CheckpointError/system(call:code:file:)``; a folder that is not there has none.
    package func steps() throws(CheckpointError) -> [Int] {
        try names().compactMap(CheckpointLayout.step(fileName:)).sorted()
    }

    /// Writes `state` as the checkpoint of its step.
    package func write(_ state: TrainingState) throws(CheckpointError) {
        try write(state.metadata) { writer throws(CheckpointError) in
            for group in state.groups {
                for array in state[group] { try writer.append(array, to: group) }
            }
        }
    }

    /// Writes a checkpoint whose arrays `body` appends one by one.
    ///
    /// - Throws: what stopped it. The temporary file is then gone, and earlier checkpoints stand.
    package func write(
        _ metadata: CheckpointMetadata,
        arrays body: (CheckpointWriter) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let stamp = CheckpointStamp(
            date: Date.now.formatted(.iso8601), program: program)
        let writer = try CheckpointWriter(folder: folder, metadata: metadata, stamp: stamp)
        do throws(CheckpointError) {
            try body(writer)
            try writer.finish()
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Reads and verifies the checkpoint of `step`.
    ///
    /// - Throws: ``CheckpointError/noCheckpoint(folder:step:)`` and all that ``open(step:)``
    ///   throws.
    package func read(step: Int) throws(CheckpointError) -> TrainingState {
        let reader = try open(step: step)
        let state = try reader.state()
        guard state.step == step else {
            throw .malformed(detail: "it holds step \(state.step)", file: reader.path)
        }
        return state
    }

    /// Opens the checkpoint of `step` to read it array by array.
    package func open(step: Int) throws(CheckpointError) -> CheckpointReader {
        guard access(path(step: step), F_OK) == 0 else {
            throw .noCheckpoint(folder: folder, step: step)
        }
        return try CheckpointReader(path: path(step: step))
    }

    /// Lets `body` read the newest checkpoint; where that file turns out broken, the one before.
    ///
    /// - Parameter body: reads the arrays it wants, e.g. into parameters. It may be called again
    ///   with an older file and must then overwrite everything.
    /// - Returns: the step that was read, `nil` where none could be, and why newer ones were
    ///   rejected.
    /// - Throws: errors that an older file would not mend: a newer format, another model's arrays.
    package func readNewest(
        _ body: (CheckpointReader) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> (step: Int?, rejected: [CheckpointError]) {
        var rejected: [CheckpointError] = []
        for step in try steps().reversed() {
            let reader: CheckpointReader
            do throws(CheckpointError) {
                reader = try open(step: step)
            } catch {
                if case .content(.unsupportedFormat) = error { throw error }
                rejected.append(error)
                continue
            }
            do throws(CheckpointError) {
                try body(reader)
                return (step, rejected)
            } catch {
                switch error {
                case .damaged, .elsewhere, .file, .library, .content(.malformed), .system:
                    rejected.append(error)
                default: throw error
                }
            }
        }
        return (nil, rejected)
    }

    /// Removes what `retention` no longer wants.
    ///
    /// The newest file is opened and its structure verified first; where it is broken, nothing
    /// goes.
    ///
    /// - Returns: the steps removed.
    @discardableResult
    package func prune(_ retention: Retention) throws(CheckpointError) -> [Int] {
        let steps = try steps()
        let surplus = retention.surplus(of: steps)
        guard !surplus.isEmpty, let newest = steps.last else { return [] }
        _ = try open(step: newest)
        for step in surplus { try remove(step: step) }
        try CheckpointError.ofFile { () throws(FileProblem) in try PendingFile.syncFolder(folder) }
        return surplus
    }

    /// Removes the checkpoint of `step`, if it is there.
    package func remove(step: Int) throws(CheckpointError) {
        guard unlink(path(step: step)) == 0 || errno == ENOENT else {
            throw .system(call: "unlink", code: errno, file: path(step: step))
        }
    }

    /// Renames the checkpoint of `step` so that it no longer counts as one of this run's.
    ///
    /// - Returns: its new path.
    package func setAside(step: Int) throws(CheckpointError) -> String {
        let aside = folder + "/superseded-" + CheckpointLayout.fileName(step: step)
        guard rename(path(step: step), aside) == 0 else {
            throw .system(call: "rename", code: errno, file: path(step: step))
        }
        return aside
    }

    /// Removes half-written files that killed runs have left. Call it while nothing is being written.
    ///
    /// - Returns: the names removed.
    @discardableResult
    package func removeLeftovers() throws(CheckpointError) -> [String] {
        let leftovers = try names().filter(CheckpointLayout.isLeftover(fileName:))
        for name in leftovers {
            guard unlink(folder + "/" + name) == 0 || errno == ENOENT else {
                throw .system(call: "unlink", code: errno, file: folder + "/" + name)
            }
        }
        return leftovers
    }

    private func names() throws(CheckpointError) -> [String] {
        do throws(CheckpointError) {
            return try CheckpointError.ofFile { () throws(FileProblem) in
                try PendingFile.names(in: folder)
            }
        } catch .system(_, ENOENT, _) {
            return []
        }
    }
}
