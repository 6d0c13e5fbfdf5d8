package import Files

/// Files that hold a table by columns. Here they are what they are everywhere else: rows, as lines of JSON.
package enum TableFormat: String, Sendable, Codable {
    case parquet
    /// Arrow's IPC format, as a stream or as a file.
    case arrow

    /// By the end of a file's name; `nil` for others.
    package init?(ending: String) {
        switch ending.lowercased() {
        case "parquet", "pq": self = .parquet
        case "arrow", "feather": self = .arrow
        default: return nil
        }
    }

    /// The rows of the whole file at `path`.
    ///
    /// - Throws: ``FileProblem/damaged(file:format:problem:)``, ``FileProblem/unsupported(file:found:advice:)``, and what
    ///   opening a file throws.
    package func rows(of path: String) throws(FileProblem) -> any ByteSource {
        switch self {
        case .parquet: try ParquetSource(path)
        case .arrow: try ArrowSource(path)
        }
    }
}
