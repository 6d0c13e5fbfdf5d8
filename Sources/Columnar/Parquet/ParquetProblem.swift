import Files

/// Why a part of a Parquet file cannot be read; the file is added where the part is known.
enum ParquetProblem: Error {
    /// What the format does not allow.
    case damaged(String)
    /// What the format allows and this reader does not read.
    case unsupported(found: String, advice: String)

    /// The same with the place in front: "column text: …".
    func at(_ place: String) -> ParquetProblem {
        switch self {
        case .damaged(let problem): .damaged("\(place): \(problem)")
        case .unsupported(let found, let advice):
            .unsupported(found: "\(place): \(found)", advice: advice)
        }
    }

    func of(_ file: String) -> FileProblem {
        switch self {
        case .damaged(let problem): .damaged(file: file, format: "Parquet", problem: problem)
        case .unsupported(let found, let advice):
            .unsupported(file: file, found: found, advice: advice)
        }
    }

    /// What to do with a file that pyarrow reads and this reader does not.
    static let rewrite =
        "rewrite it with pyarrow.parquet.write_table(pyarrow.parquet.read_table(F), F, compression=\"zstd\")"
}
