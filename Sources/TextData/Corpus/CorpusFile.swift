import Columnar
import Foundation

/// An input file of a corpus: what it is, and what tells whether it has changed.
package struct CorpusFile: Sendable, Hashable, Codable {
    /// How documents are laid out in a file.
    package enum Format: String, Sendable, Codable {
        /// The whole file is one document.
        case text
        /// One JSON object a line, one document each.
        case jsonLines = "jsonl"
        /// An array of JSON objects, or objects one after another; one document each.
        case json
    }

    /// How a file's bytes are packed.
    package enum Compression: String, Sendable, Codable {
        case none
        /// RFC 1952, several members allowed; dictd's .dz is the same.
        case gzip
        /// RFC 8878, several frames allowed.
        case zstd
        /// A table, whose rows become lines of JSON.
        case parquet, arrow
    }

    /// Where the file is.
    package let path: String
    /// Its path from the input that named it: the same on every machine.
    package let name: String
    /// Bytes on disk.
    package let size: Int
    /// Time of the last change, in nanoseconds since 1970.
    package let modified: Int
    package let format: Format
    package let compression: Compression

    /// Whether a unit may begin in the middle of the file: of a Parquet file between its groups of rows.
    var isSplittable: Bool {
        compression == .none && format != .json || compression == .parquet
    }

    /// Whether records are counted as a table's rows in messages, not as lines.
    var isTable: Bool { compression == .parquet || compression == .arrow }
}

extension CorpusFile {
    /// What a file name says about its content; `nil` when the name is not one of a text file.
    static func kind(of name: String) -> (format: Format, compression: Compression)? {
        switch TableFormat(ending: (name as NSString).pathExtension) {
        case .parquet: return (.jsonLines, .parquet)
        case .arrow: return (.jsonLines, .arrow)
        case nil: break
        }
        var parts = name.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        var compression = Compression.none
        switch parts.last {
        case "gz", "dz": compression = .gzip
        case "zst", "zstd": compression = .zstd
        default: break
        }
        if compression != .none { parts.removeLast() }
        guard parts.count > 1, let ending = parts.last else { return nil }
        switch ending {
        case "txt", "text", "md": return (.text, compression)
        case "jsonl", "ndjson": return (.jsonLines, compression)
        case "json": return (.json, compression)
        case "dict" where compression == .gzip: return (.text, compression)
        default: return nil
        }
    }

    /// What a file that the user named himself is taken for: by its name, else plain text.
    ///
    /// - Throws: ``CorpusError/unsupportedFile(file:kind:)`` for endings known to be no text.
    static func namedKind(of path: String) throws(CorpusError) -> (Format, Compression) {
        let name = (path as NSString).lastPathComponent
        if let kind = kind(of: name) { return kind }
        let ending = (name.lowercased() as NSString).pathExtension
        let isPacked = ["gz", "dz", "zst", "zstd"].contains(ending)
        let within = ((name.lowercased() as NSString).deletingPathExtension as NSString)
            .pathExtension
        let foreign: Set<String> = [
            "zip", "xz", "bz2", "lz4", "7z", "tar", "tgz", "rar",
            "pdf", "doc", "docx", "epub", "h5", "hdf5", "npy", "npz", "pt", "pth", "safetensors",
            "gguf", "bin", "tokens", "idx", "csv", "tsv", "xlsx", "png", "jpg",
            "jpeg", "gif", "mp3", "mp4", "wav",
        ]
        if foreign.contains(ending) {
            throw .unsupportedFile(file: path, kind: "a .\(ending) file")
        }
        if isPacked, foreign.contains(within) || TableFormat(ending: within) != nil {
            throw .unsupportedFile(file: path, kind: "a packed .\(within) file")
        }
        switch ending {
        case "gz", "dz": return (.text, .gzip)
        case "zst", "zstd": return (.text, .zstd)
        default: return (.text, .none)
        }
    }
}

/// A part of a file, in bytes of the file on disk; the whole file unless it is splittable.
package struct CorpusSegment: Sendable, Hashable {
    package let file: CorpusFile
    package let start: Int
    package let end: Int

    /// Whether the file's last byte is in this segment.
    var endsFile: Bool { end >= file.size }
}
