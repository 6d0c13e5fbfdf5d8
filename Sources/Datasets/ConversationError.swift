package import Templates

/// Why conversations could not be read or encoded.
package enum ConversationError: Error, Equatable, CustomStringConvertible {
    /// Conversations cannot be written with the template.
    case template(TemplateError)
    /// A setting that cannot work.
    case setting(name: String, found: String, expected: String)
    /// A file or folder that cannot be read or written.
    case file(path: String, problem: String)
    /// A dataset that dataset_info.json does not list.
    case unknownDataset(name: String, file: String, nearest: String?, known: [String])
    /// An entry of dataset_info.json that cannot be used.
    case entry(dataset: String, problem: String)
    /// Columns that no row has.
    case columns(dataset: String, missing: [String], found: [String])
    /// Columns of texts and labels that no row has.
    case labelColumns(dataset: String, missing: [String], found: [String])
    /// A row that cannot be used, with `strict_data`.
    case row(WrongRow)
    /// No row of a dataset can be used.
    case allRowsWrong(dataset: String, rows: Int, first: WrongRow)
    /// Rows with images, videos or audios.
    case media(column: String, row: WrongRow)
    /// No row has a label left after truncation.
    case noLabels(rows: Int, cutoffLength: Int)
    /// No row's question is left whole by truncation.
    case noPrompt(rows: Int, cutoffLength: Int)
    /// A dataset without rows.
    case empty(dataset: String)
    /// A file of encoded examples that does not fit or is damaged.
    case tokenized(path: String, problem: String)

    package var description: String {
        switch self {
        case .template(let error): error.description
        case .setting(let name, let found, let expected):
            "\(name): found \(found), expected \(expected)"
        case .file(let path, let problem):
            "\(path): \(problem)"
        case .unknownDataset(let name, let file, let nearest, let known):
            "dataset \(name): not in \(file) and no file of that name; it lists "
                + (known.isEmpty ? "none" : known.joined(separator: ", ")) + suggestion(nearest)
        case .entry(let dataset, let problem):
            "dataset \(dataset): \(problem)"
        case .columns(let dataset, let missing, let found):
            "dataset \(dataset): no row has \(missing.joined(separator: ", ")); columns found: "
                + (found.isEmpty ? "none" : found.joined(separator: ", "))
                + "; name them in dataset_info.json under columns:"
        case .labelColumns(let dataset, let missing, let found):
            "dataset \(dataset): no row has \(missing.joined(separator: ", ")); columns found: "
                + (found.isEmpty ? "none" : found.joined(separator: ", "))
                + "; name them in text_column_names and label_column_name"
        case .row(let row):
            "\(row) (strict_data: true stops at the first wrong row)"
        case .allRowsWrong(let dataset, let rows, let first):
            "dataset \(dataset): all \(rows) rows are wrong; the first: \(first); check formatting, "
                + "columns and tags in dataset_info.json"
        case .media(let column, let row):
            "\(row.file) \(row.position): \(column) found, but this is a text model; leave out "
                + "the column or use rows of text only"
        case .noLabels(let rows, let cutoffLength):
            "cutoff_len: \(cutoffLength) leaves no label in any of the \(rows) rows; raise it "
                + "above the length of the prompts"
        case .noPrompt(let rows, let cutoffLength):
            "cutoff_len: \(cutoffLength) cuts the prompt of all \(rows) rows; raise it above the "
                + "length of the prompts"
        case .empty(let dataset):
            "dataset \(dataset): no rows found"
        case .tokenized(let path, let problem):
            "tokenized_path \(path): \(problem)"
        }
    }

    private func suggestion(_ nearest: String?) -> String {
        nearest.map { "; did you mean \($0)?" } ?? ""
    }

    /// What `body` gives; its problem as an error of this room.
    package static func ofTemplates<Value>(
        _ body: () throws(TemplateError) -> Value
    ) throws(ConversationError) -> Value {
        do {
            return try body()
        } catch {
            throw .template(error)
        }
    }
}

/// A row that cannot be used, and why.
package struct WrongRow: Error, Equatable, Sendable, CustomStringConvertible {
    package let file: String
    package let position: RowPosition
    package let found: String
    package let expected: String

    package var description: String {
        "\(file) \(position): found \(found), expected \(expected)"
    }
}

extension RowProblem {
    package func at(file: String, position: RowPosition) -> WrongRow {
        WrongRow(file: file, position: position, found: found, expected: expected)
    }
}
