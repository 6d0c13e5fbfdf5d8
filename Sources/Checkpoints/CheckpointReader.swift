package import Files
import Foundation

/// One checkpoint file, open for reading.
///
/// Opening verifies everything but the arrays: format, manifest, that exactly the listed entries
/// are there, attributes and texts. Each array is verified when it is read. Used by one thread at a
/// time.
package final class CheckpointReader {
    /// The file's path.
    package let path: String
    /// What the checkpoint holds besides arrays.
    package let metadata: CheckpointMetadata
    /// When and by what it was written.
    package let stamp: CheckpointStamp
    private let file: HDF5File
    private let algorithm: Checksum
    private let entries: [CheckpointGroup: [(array: ArrayDescription, checksum: String)]]
    private let index: [String: Int]

    /// Opens and verifies the file at `path`.
    ///
    /// - Throws: any ``CheckpointError`` about files: not there, not HDF5, truncated, of a newer
    ///   format, damaged, entries missing or unknown.
    package init(path: String) throws(CheckpointError) {
        self.path = path
        file = try HDF5File.open(at: path)
        try Self.checkFormat(file)
        let manifest = try Self.manifest(of: file)
        algorithm = manifest.algorithm
        try Self.checkChildren(file, manifest)
        let attributes = try Self.attributes(of: file, manifest)
        stamp = try Self.stamp(attributes, path)
        metadata = try CheckpointMetadata(
            attributes: attributes, texts: try Self.texts(of: file, manifest), file: path)

        var entries: [CheckpointGroup: [(array: ArrayDescription, checksum: String)]] = [:]
        var index: [String: Int] = [:]
        for entry in manifest.entries where entry.kind == .float32 {
            let (groupPath, name) = PendingFile.split(entry.path)
            guard let group = CheckpointGroup(path: groupPath) else {
                throw .unknown(entry: entry.path, file: path)
            }
            index[entry.path] = entries[group, default: []].count
            entries[group, default: []].append(
                (ArrayDescription(name: name, shape: entry.shape), entry.checksum))
        }
        self.entries = entries
        self.index = index
    }

    /// The groups that hold arrays: those of every file, then what else the optimizer keeps.
    package var groups: [CheckpointGroup] {
        let all = CheckpointGroup.standard
        return all + entries.keys.filter { !all.contains($0) }.sorted { $0.rawValue < $1.rawValue }
    }

    /// The arrays of a group in the order they were written.
    package func arrays(in group: CheckpointGroup) -> [ArrayDescription] {
        (entries[group] ?? []).map(\.array)
    }

    /// Reads one array into the caller's memory and verifies it.
    ///
    /// - Parameter shape: what the caller expects; `values` holds its product.
    /// - Throws: ``CheckpointError/missing(entry:file:)``,
    ///   ``CheckpointError/shape(entry:found:expected:file:)``,
    ///   ``CheckpointError/damaged(entry:found:expected:file:)`` (`values` then hold the damaged
    ///   numbers) and what HDF5 reports.
    package func read(
        _ name: String, in group: CheckpointGroup, shape: [Int],
        into values: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
        let entryPath = "\(group.rawValue)/\(name)"
        guard let position = index[entryPath], let entry = entries[group]?[position] else {
            throw .missing(entry: entryPath, file: path)
        }
        guard entry.array.shape == shape else {
            throw .shape(entry: entryPath, found: entry.array.shape, expected: shape, file: path)
        }
        try file.readFloats(entryPath, shape: shape, into: values)
        let found = algorithm.text(of: UnsafeRawBufferPointer(values))
        try Self.check(entryPath, found, entry.checksum, algorithm, file)
    }

    /// Reads one array.
    package func array(
        _ array: ArrayDescription, in group: CheckpointGroup
    ) throws(CheckpointError) -> NamedArray {
        var values = [Float](repeating: 0, count: array.elements)
        try values.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
            try read(array.name, in: group, shape: array.shape, into: buffer)
        }
        return NamedArray(name: array.name, shape: array.shape, values: values)
    }

    /// Reads everything, or without the optimizer's moments.
    package func state(modelOnly: Bool = false) throws(CheckpointError) -> TrainingState {
        var state = TrainingState(metadata: metadata, model: [])
        for group in groups where group == .model || !modelOnly {
            var arrays: [NamedArray] = []
            for description in self.arrays(in: group) {
                arrays.append(try array(description, in: group))
            }
            state[group] = arrays
        }
        return state
    }
}

// MARK: - Verification

extension CheckpointReader {
    static func checkFormat(_ file: HDF5File) throws(CheckpointError) {
        guard file.contains(CheckpointLayout.meta) else {
            throw .malformed(
                detail: "an HDF5 file, but not a checkpoint of lockstep", file: file.path)
        }
        let attributes = try file.attributes(of: CheckpointLayout.meta)
        guard attributes["format"] == .text(CheckpointLayout.format),
            case .integer(let version)? = attributes["format_version"]
        else {
            throw .malformed(
                detail: "an HDF5 file, but not a checkpoint of lockstep", file: file.path)
        }
        guard (1...Int64(CheckpointLayout.version)).contains(version) else {
            throw .unsupportedFormat(
                found: Int(version), newest: CheckpointLayout.version, file: file.path)
        }
    }

    static func manifest(of file: HDF5File) throws(CheckpointError) -> CheckpointManifest {
        let path = CheckpointLayout.manifest
        let bytes = try file.readTextBytes(path)
        let seal = try seal(of: path, file)
        let found = bytes.withUnsafeBytes { seal.algorithm.text(of: $0) }
        guard found == seal.checksum else {
            throw .damaged(entry: path, found: found, expected: seal.checksum, file: file.path)
        }
        return try CheckpointManifest(
            text: bytes, algorithm: seal.algorithm, file: file.path,
            fileBytes: PendingFile.bytes(of: file.path))
    }

    /// The manifest is trusted from here on: compare what is there with what it lists.
    static func checkChildren(
        _ file: HDF5File, _ manifest: CheckpointManifest
    ) throws(CheckpointError) {
        for (group, expected) in try manifest.children(file: file.path).sorted(by: {
            $0.key < $1.key
        }) {
            let found = Set(try file.children(of: group))
            let prefix = group == "/" ? "/" : group + "/"
            if let name = expected.subtracting(found).min() {
                throw .missing(entry: prefix + name, file: file.path)
            }
            if let name = found.subtracting(expected).min() {
                throw .unknown(entry: prefix + name, file: file.path)
            }
        }
    }

    static func attributes(
        of file: HDF5File, _ manifest: CheckpointManifest
    ) throws(CheckpointError) -> [String: [String: AttributeValue]] {
        var all: [String: [String: AttributeValue]] = [:]
        for group in manifest.groups {
            let attributes = try file.attributes(of: group)
            guard let expected = manifest.attributes[group] else {
                if let name = attributes.keys.min() {
                    throw .unknown(entry: "attribute \(name) of \(group)", file: file.path)
                }
                continue
            }
            let found = CheckpointManifest.checksum(attributes, by: manifest.algorithm)
            guard found == expected else {
                throw .damaged(
                    entry: "the attributes of \(group)", found: found, expected: expected,
                    file: file.path)
            }
            all[group] = attributes
        }
        return all
    }

    static func texts(
        of file: HDF5File, _ manifest: CheckpointManifest
    ) throws(CheckpointError) -> [String: String] {
        var texts: [String: String] = [:]
        for entry in manifest.entries where entry.kind == .text {
            let bytes = try file.readTextBytes(entry.path)
            let found = bytes.withUnsafeBytes { manifest.algorithm.text(of: $0) }
            try check(entry.path, found, entry.checksum, manifest.algorithm, file)
            guard entry.shape == [bytes.count] else {
                throw .shape(
                    entry: entry.path, found: [bytes.count], expected: entry.shape, file: file.path)
            }
            texts[entry.path] = String(decoding: bytes, as: UTF8.self)
        }
        return texts
    }

    /// The bytes of a dataset must have the checksum that the manifest says and that is stored beside it.
    ///
    /// - Parameter found: the checksum that they have.
    static func check(
        _ path: String, _ found: String, _ expected: String, _ algorithm: Checksum, _ file: HDF5File
    ) throws(CheckpointError) {
        guard found == expected else {
            throw .damaged(entry: path, found: found, expected: expected, file: file.path)
        }
        let seal = try seal(of: path, file)
        guard seal.algorithm == algorithm, seal.checksum == found else {
            throw .damaged(entry: path, found: found, expected: seal.checksum, file: file.path)
        }
    }

    /// The checksum stored beside a dataset.
    private static func seal(
        of path: String, _ file: HDF5File
    ) throws(CheckpointError) -> (checksum: String, algorithm: Checksum) {
        let attributes = try file.attributes(of: path)
        guard case .text(let stored)? = attributes[CheckpointLayout.checksum],
            case .text(let name)? = attributes[CheckpointLayout.checksumAlgorithm]
        else {
            throw .missing(
                entry: "attribute \(CheckpointLayout.checksum) of \(path)", file: file.path)
        }
        guard attributes.count == 2 else {
            throw .unknown(entry: "a further attribute of \(path)", file: file.path)
        }
        guard let algorithm = Checksum(rawValue: name) else {
            throw .unsupportedType(
                entry: path, found: "a checksum by \(name)",
                supported: Checksum.allCases.map(\.name).joined(separator: ", "), file: file.path)
        }
        return (stored, algorithm)
    }

    private static func stamp(
        _ attributes: [String: [String: AttributeValue]], _ file: String
    ) throws(CheckpointError) -> CheckpointStamp {
        let meta = attributes[CheckpointLayout.meta] ?? [:]
        guard case .text(let date)? = meta["date"],
            case .text(let program)? = meta["lockstep_version"]
        else {
            throw .missing(entry: "attribute date or lockstep_version of /meta", file: file)
        }
        return CheckpointStamp(date: date, program: program)
    }
}
