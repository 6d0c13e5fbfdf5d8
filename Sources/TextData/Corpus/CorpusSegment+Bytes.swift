import Files

extension CorpusSegment {
    /// Opens the segment's bytes, unpacked.
    func open() throws(CorpusError) -> any ByteSource {
        try CorpusError.ofFile { () throws(FileProblem) -> any ByteSource in
            let source = try FileSource(file.path, size: file.size, start: start, end: end)
            switch file.compression {
            case .none: return source
            case .gzip: return try GzipSource(source)
            case .zstd: return try ZstdSource(source)
            }
        }
    }
}
