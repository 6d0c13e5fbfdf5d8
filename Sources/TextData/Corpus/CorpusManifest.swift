import Files
import Foundation

/// dataset.json: what a folder of shards was made from and what it holds. Written last, so a folder
/// that has one is complete.
package struct CorpusManifest: Sendable, Codable, Equatable {
    /// An input file, by its path from the input that named it.
    package struct Input: Sendable, Codable, Equatable {
        package let name: String
        package let size: Int
        /// Nanoseconds since 1970.
        package let modified: Int
        package let format: CorpusFile.Format
        package let compression: CorpusFile.Compression
    }

    /// A shard, in reading order.
    package struct Shard: Sendable, Codable, Equatable {
        package let file: String
        package let tokens: Int
        package let documents: Int
        /// CRC-32 of the ids.
        package let checksum: UInt32
    }

    package let format: String
    package let version: Int
    /// Stands for inputs, settings and tokenizer; hexadecimal.
    package let fingerprint: String
    /// Hexadecimal.
    package let tokenizerHash: String
    package let vocabularySize: Int
    package let endOfText: Int
    package let textField: String
    package let pieceBytes: Int
    package let totals: CorpusCounts
    package let shards: [Shard]
    package let inputs: [Input]

    enum CodingKeys: String, CodingKey {
        case format, version, fingerprint
        case tokenizerHash = "tokenizer_hash"
        case vocabularySize = "vocabulary_size"
        case endOfText = "end_of_text"
        case textField = "text_field"
        case pieceBytes = "piece_bytes"
        case totals, shards, inputs
    }

    /// Its name in the folder.
    package static let fileName = ShardNames.manifest

    /// Whether a file of the folder is a shard.
    package static func isShard(_ name: String) -> Bool { ShardNames.isShard(name) }

    private static let formatName = "lockstep dataset"
    private static let newestVersion = 1

    init(
        _ plan: CorpusPlan, encoder: TokenEncoder, settings: CorpusSettings, shards: [Shard],
        counts: CorpusCounts
    ) {
        format = CorpusManifest.formatName
        version = CorpusManifest.newestVersion
        fingerprint = CorpusManifest.hexadecimal(plan.fingerprint)
        tokenizerHash = CorpusManifest.hexadecimal(encoder.tokenizerHash)
        vocabularySize = encoder.vocabularySize
        endOfText = Int(encoder.endOfText)
        textField = settings.textField
        pieceBytes = settings.pieceBytes
        totals = counts
        self.shards = shards
        inputs = plan.files.map {
            Input(
                name: $0.name, size: $0.size, modified: $0.modified, format: $0.format,
                compression: $0.compression)
        }
    }

    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Writes dataset.json into `folder`.
    func write(to folder: String) throws(CorpusError) {
        let path = folder + "/" + ShardNames.manifest
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let content = try? encoder.encode(self) else {
            throw .manifest(file: path, problem: "cannot be encoded")
        }
        try ShardWriter.writeFile(path, Array(content) + [0x0A])
    }

    /// Reads dataset.json of `folder`.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)`` when it cannot be read,
    ///   ``CorpusError/manifest(file:problem:)`` when it is not what this program writes.
    static func read(_ folder: String) throws(CorpusError) -> CorpusManifest {
        let path = folder + "/" + ShardNames.manifest
        let file = try CorpusError.ofFile { () throws(FileProblem) in try MappedFile(path) }
        let manifest: CorpusManifest
        do {
            manifest = try JSONDecoder().decode(CorpusManifest.self, from: Data(file.bytes))
        } catch {
            throw .manifest(file: path, problem: "not a list of shards that can be read")
        }
        guard manifest.format == formatName else {
            throw .manifest(
                file: path,
                problem: "format \"\(manifest.format)\" found, \"\(formatName)\" expected")
        }
        guard manifest.version <= newestVersion else {
            throw .unsupportedVersion(file: path, found: manifest.version, newest: newestVersion)
        }
        return manifest
    }
}
