package import Files
import Foundation

/// Writes one checkpoint, array by array, so that only one array need be in memory at a time.
///
/// The file has a temporary name until ``finish()``; if that is never reached, it is removed.
package final class CheckpointWriter {
    private let pending: PendingFile
    private let file: HDF5File
    private var manifest = CheckpointManifest()
    private var names: [CheckpointGroup: Set<String>] = [:]

    /// Starts `checkpoint-<step>.h5` in `folder`, which is made where it is not there.
    ///
    /// - Throws: ``CheckpointError/system(call:code:file:)``,
    ///   ``CheckpointError/library(call:detail:file:)``, and
    ///   ``CheckpointError/invalidName(name:reason:)`` for a tokenizer file that cannot be stored.
    package init(
        folder: String, metadata: CheckpointMetadata, stamp: CheckpointStamp
    ) throws(CheckpointError) {
        for name in metadata.tokenizer.keys.sorted() {
            guard let reason = CheckpointLayout.objection(toFile: name) else { continue }
            throw .invalidName(name: name, reason: reason)
        }
        pending = try CheckpointError.ofFile { () throws(FileProblem) -> PendingFile in
            try PendingFile.makeFolder(folder)
            return try PendingFile(
                path: folder + "/" + CheckpointLayout.fileName(step: metadata.step))
        }
        file = try HDF5File.create(at: pending.temporaryPath)
        for group in CheckpointLayout.groups() {
            try file.createGroup(group)
        }
        for (path, text) in metadata.texts { try append(text: text, at: path) }
        for (group, attributes) in metadata.attributes.sorted(by: { $0.key < $1.key }) {
            let all =
                group == CheckpointLayout.meta
                ? attributes.merging(stamp.attributes) { own, _ in own } : attributes
            for (name, value) in all.sorted(by: { $0.key < $1.key }) {
                try file.setAttribute(name, value, on: group)
            }
            manifest.attributes[group] = CheckpointManifest.checksum(all, by: .written)
        }
    }

    /// Adds one array.
    ///
    /// - Throws: ``CheckpointError/invalidName(name:reason:)`` for a name that HDF5 cannot hold or
    ///   that is already there, and what keeps it from being written.
    package func append(
        _ array: ArrayDescription, _ values: UnsafeBufferPointer<Float>, to group: CheckpointGroup
    ) throws(CheckpointError) {
        let path = try newPath(of: array, in: group)
        try file.writeFloats(path, shape: array.shape, values)
        list(
            path, .float32, array.shape,
            Checksum.written.text(of: UnsafeRawBufferPointer(values)))
    }

    /// Numbers that are made at a time: they are still in a core's cache when their checksum is.
    private static let block = 1 << 16

    /// Adds one array piece by piece.
    ///
    /// - Parameters:
    ///   - room: of one piece; at least a row of the outermost extent. One that begins at a multiple of
    ///     4096 bytes is written without another copy.
    ///   - fill: makes the numbers of a range, from a place in `room` on; the ranges come in order, each
    ///     once.
    package func append(
        _ array: ArrayDescription, to group: CheckpointGroup,
        through room: UnsafeMutableBufferPointer<Float>,
        _ fill: (_ range: Range<Int>, _ place: Int) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let path = try newPath(of: array, in: group)
        let checksum = ChecksumStream()
        try file.writeFloats(path, shape: array.shape, most: room.count) {
            range throws(CheckpointError) in
            precondition(range.count <= room.count, "a row of \(array.name) is \(range.count) long")
            for first in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
                let part = first..<min(first + Self.block, range.upperBound)
                let place = first - range.lowerBound
                try fill(part, place)
                let made = room[place..<place + part.count]
                checksum.add(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: made)))
            }
            return UnsafeBufferPointer(rebasing: room[..<range.count])
        }
        list(path, .float32, array.shape, checksum.text)
    }

    private func newPath(
        of array: ArrayDescription, in group: CheckpointGroup
    ) throws(CheckpointError) -> String {
        try Self.check(array.name)
        if names[group] == nil, !CheckpointGroup.standard.contains(group) {
            try file.createGroup(group.rawValue)
        }
        guard names[group, default: []].insert(array.name).inserted else {
            throw .invalidName(name: array.name, reason: "\(group.rawValue) already holds it")
        }
        return "\(group.rawValue)/\(array.name)"
    }

    /// Adds one array.
    package func append(
        _ array: NamedArray, to group: CheckpointGroup
    ) throws(CheckpointError) {
        let description = ArrayDescription(name: array.name, shape: array.shape)
        try array.values.withUnsafeBufferPointer { values throws(CheckpointError) in
            try append(description, values, to: group)
        }
    }

    /// Completes the file: checksums, manifest, flush, close, fsync, rename, fsync of the folder.
    ///
    /// - Throws: what stopped it; nothing then shows under the final name that was not there.
    package func finish() throws(CheckpointError) {
        for entry in manifest.entries { try seal(entry.path, entry.checksum) }
        let text = try manifest.text(file: pending.path)
        try file.writeText(CheckpointLayout.manifest, text)
        try seal(CheckpointLayout.manifest, Checksum.written.text(of: text))
        try file.close()
        try CheckpointError.ofFile { () throws(FileProblem) in try pending.commit() }
    }

    /// Gives up: closes and removes the temporary file.
    package func abandon() {
        file.abandon()
        pending.discard()
    }

    private func append(text: String, at path: String) throws(CheckpointError) {
        try file.writeText(path, text)
        list(path, .text, [text.utf8.count], Checksum.written.text(of: text))
    }

    private static func check(_ name: String) throws(CheckpointError) {
        guard let reason = CheckpointLayout.objection(to: name) else { return }
        throw .invalidName(name: name, reason: reason)
    }

    /// Notes what has been written. Its checksum is stored beside it at the end, with all others: what
    /// that takes of the library's code and tables then is in the processor's caches.
    private func list(
        _ path: String, _ kind: CheckpointManifest.Entry.Kind, _ shape: [Int], _ checksum: String
    ) {
        manifest.entries.append(.init(path: path, kind: kind, shape: shape, checksum: checksum))
    }

    private func seal(_ path: String, _ checksum: String) throws(CheckpointError) {
        try file.setAttribute(CheckpointLayout.checksum, .text(checksum), on: path)
        try file.setAttribute(
            CheckpointLayout.checksumAlgorithm, .text(Checksum.written.name), on: path)
    }
}
