import Files
import Foundation

/// When and by what a checkpoint was written.
package struct CheckpointStamp: Sendable, Equatable {
    /// ISO 8601, UTC.
    package var date: String
    /// The program's version.
    package var program: String

    package init(date: String, program: String) {
        self.date = date
        self.program = program
    }

    /// Attributes of `/meta` that say this, and what the file is.
    var attributes: [String: AttributeValue] {
        [
            "format": .text(CheckpointLayout.format),
            "format_version": .integer(Int64(CheckpointLayout.version)),
            CheckpointLayout.checksumAlgorithm: .text(Checksum.written.name),
            "date": .text(date), "lockstep_version": .text(program),
        ]
    }

    static let attributeNames = [
        "format", "format_version", CheckpointLayout.checksumAlgorithm, "date", "lockstep_version",
    ]
}

/// The list of everything a checkpoint holds, with checksums, stored as JSON in `/meta/manifest`.
///
/// Its own checksum is an attribute of that dataset. So a dataset or attribute that was changed,
/// lost or added is noticed even where HDF5 itself finds the file sound.
struct CheckpointManifest: Codable, Equatable {
    /// One dataset.
    struct Entry: Codable, Equatable {
        enum Kind: String, Codable { case float32, text }

        var path: String
        var kind: Kind
        /// Extents of an array; bytes of a text.
        var shape: [Int]
        /// Of the dataset's bytes.
        var checksum: String
    }

    /// Checksum algorithm of all entries.
    var algorithm = Checksum.written
    /// Datasets in file order.
    var entries: [Entry] = []
    /// For each group with attributes, the checksum of its attributes' canonical text.
    var attributes: [String: String] = [:]

    /// The checksum of one group's attributes.
    static func checksum(
        _ attributes: [String: AttributeValue], by algorithm: Checksum
    ) -> String {
        let lines = attributes.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.canonical)\n" }
        return algorithm.text(of: lines.joined())
    }

    /// The JSON that is stored.
    ///
    /// - Throws: ``CheckpointError/malformed(detail:file:)``.
    func text(file: String) throws(CheckpointError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw .malformed(detail: "its manifest cannot be written: \(error)", file: file)
        }
    }

    /// Reads what ``text(file:)`` wrote.
    ///
    /// - Parameters:
    ///   - algorithm: by which the text itself was checked.
    ///   - fileBytes: the file's size, which no array may exceed.
    /// - Throws: ``CheckpointError/malformed(detail:file:)``.
    init(
        text: [UInt8], algorithm: Checksum, file: String, fileBytes: Int
    ) throws(CheckpointError) {
        do {
            self = try JSONDecoder().decode(CheckpointManifest.self, from: Data(text))
        } catch {
            throw .malformed(detail: "\(CheckpointLayout.manifest) is not valid", file: file)
        }
        guard self.algorithm == algorithm else {
            throw .malformed(
                detail: "\(CheckpointLayout.manifest) has checksums by \(self.algorithm.name), "
                    + "but its own is by \(algorithm.name)", file: file)
        }
        var paths: Set<String> = []
        for entry in entries {
            guard paths.insert(entry.path).inserted,
                let elements = ArrayDescription.elements(of: entry.shape), elements <= fileBytes
            else {
                throw .malformed(
                    detail: "\(CheckpointLayout.manifest) is wrong about \(entry.path)", file: file)
            }
        }
    }

    init() {}

    /// The groups of the file; format 1 is that of XXH64.
    var groups: [String] {
        let all = CheckpointLayout.groups(
            hasScaler: algorithm != .xxh64 || attributes[CheckpointLayout.scaler] != nil)
        let further = Set(entries.map { PendingFile.split($0.path).folder })
            .filter { !all.contains($0) && CheckpointGroup(path: $0) != nil }
        return all + further.sorted()
    }

    /// What every group must hold: names by group path.
    ///
    /// - Throws: ``CheckpointError/malformed(detail:file:)`` for a dataset outside the known
    ///   groups.
    func children(file: String) throws(CheckpointError) -> [String: Set<String>] {
        var children: [String: Set<String>] = ["/": []]
        for group in groups { children[group] = [] }
        for path in groups + [CheckpointLayout.manifest] + entries.map(\.path) {
            let (group, name) = PendingFile.split(path)
            guard children[group] != nil else {
                throw .malformed(
                    detail: "\(CheckpointLayout.manifest) names \(path) in an unknown group",
                    file: file)
            }
            children[group]?.insert(name)
        }
        return children
    }
}
