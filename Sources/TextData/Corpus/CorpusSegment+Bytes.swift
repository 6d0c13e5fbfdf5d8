import Columnar
import Files

extension CorpusSegment {
    /// Opens the segment's bytes, unpacked.
    func open() throws(CorpusError) -> any ByteSource {
        try CorpusError.ofFile { () throws(FileProblem) -> any ByteSource in
            func source() throws(FileProblem) -> FileSource {
                try FileSource(file.path, size: file.size, start: start, end: end)
            }
            switch file.compression {
            case .none: return try source()
            case .gzip: return try GzipSource(source())
            case .zstd: return try ZstdSource(source())
            case .parquet, .arrow:
                guard PendingFile.bytes(of: file.path) == file.size else {
                    throw .changed(file: file.path)
                }
                guard file.compression == .parquet else { return try ArrowSource(file.path) }
                return try ParquetSource(file.path, start: start, end: end)
            }
        }
    }
}
