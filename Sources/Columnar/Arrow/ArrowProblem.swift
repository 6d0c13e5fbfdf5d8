import Files

/// Why an Arrow table cannot be read; ``ArrowSource`` adds the file.
package enum ArrowProblem: Error, Equatable {
    /// The bytes contradict themselves or the format.
    case damaged(String)
    /// What is whole but not read here.
    case unsupported(found: String, advice: String)

    /// The same problem with its place before it: "row 3: …".
    func at(_ place: String) -> ArrowProblem {
        switch self {
        case .damaged(let problem): .damaged("\(place): \(problem)")
        case .unsupported(let found, let advice):
            .unsupported(found: "\(place): \(found)", advice: advice)
        }
    }

    /// The same problem of a file.
    func of(_ file: String) -> FileProblem {
        switch self {
        case .damaged(let problem): .damaged(file: file, format: "Arrow", problem: problem)
        case .unsupported(let found, let advice):
            .unsupported(file: file, found: found, advice: advice)
        }
    }
}
