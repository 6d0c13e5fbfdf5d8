import Files
import Foundation

/// all_results.json: the figures of every part of a run, of which each adds its own.
enum AllResults {
    /// Adds figures to the file of `folder`, where those of earlier parts stay.
    ///
    /// - Throws: ``ReportError/write(file:reason:)``.
    static func merge(
        _ figures: [(key: String, value: JSONValue)], in folder: String
    ) throws(ReportError) {
        let path = folder + "/all_results.json"
        var all = earlier(path)
        for (key, value) in figures { all[key] = value }
        let text =
            JSONValue.object(all.map { (key: $0, value: $1) }).text(indent: 4, sortsKeys: true)
            + "\n"
        try ReportFile.write(Data(text.utf8), to: path)
    }

    /// A number of the file; whole ones stay whole.
    private enum Number: Decodable {
        case whole(Int)
        case real(Double)
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .whole(number)
            } else if let number = try? container.decode(Double.self) {
                self = .real(number)
            } else {
                self = .other
            }
        }
    }

    /// Figures that an earlier part has written; none if there is no such file.
    private static func earlier(_ path: String) -> [String: JSONValue] {
        guard let data = FileManager.default.contents(atPath: path),
            let figures = try? JSONDecoder().decode([String: Number].self, from: data)
        else { return [:] }
        return figures.compactMapValues { figure in
            switch figure {
            case .whole(let number): .int(number)
            case .real(let number): .double(number)
            case .other: nil
            }
        }
    }
}
