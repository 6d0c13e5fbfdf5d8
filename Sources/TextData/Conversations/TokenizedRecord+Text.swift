import Datasets
import Files

// The record as it stands in a file: JSON.
extension TokenizedRecord {
    var text: String {
        let parts = self.parts.map { part -> JSONValue in
            .object([
                (key: "name", value: .string(part.name)),
                (key: "examples", value: .int(part.examples.count)),
                (key: "prompts", value: .int(part.prompts.count)),
            ])
        }
        let settings = self.settings.map { setting -> JSONValue.Member in
            (key: setting.key, value: .string(setting.value))
        }
        let members: [JSONValue.Member] = [
            (key: "settings", value: .object(settings)),
            (key: "datasets", value: .array(datasets.map(\.json))),
            (key: "parts", value: .array(parts)),
            (key: "lines", value: .array(lines.map { .string($0) })),
            (key: "wrong_rows", value: wrongRows.map { .string($0) } ?? .null),
            (key: "prompt_only_rows", value: promptOnlyRows.map { .string($0) } ?? .null),
        ]
        return JSONValue.object(members).text()
    }

    /// `nil` for what this program does not write.
    init?(text: String) {
        guard let json = try? JSONValueReader.read(text),
            let settings = json["settings"]?.members, let datasets = json["datasets"]?.array,
            let parts = json["parts"]?.array, let lines = json["lines"]?.array
        else { return nil }
        self.init(
            settings: settings.compactMap { member in
                member.value.string.map { Setting(key: member.key, value: $0) }
            }, datasets: datasets.compactMap(Dataset.init), parts: [],
            lines: lines.compactMap(\.string), wrongRows: json["wrong_rows"]?.string,
            promptOnlyRows: json["prompt_only_rows"]?.string)
        for part in parts {
            guard let name = part["name"]?.string, let examples = part["examples"]?.integer,
                let prompts = part["prompts"]?.integer, (0...Self.most).contains(examples),
                (0...Self.most).contains(prompts)
            else { return nil }
            self.parts.append(
                EvaluatedDataset(name: name, after: self.parts.last, counts: (examples, prompts)))
        }
        guard self.settings.count == settings.count, self.datasets.count == datasets.count,
            self.lines.count == lines.count
        else { return nil }
    }

    /// Examples of a part that can be added up.
    private static let most = 1 << 40
}

extension TokenizedRecord.Dataset {
    fileprivate var json: JSONValue {
        let files = self.files.map { file -> JSONValue in
            .object([
                (key: "bytes", value: .int(file.bytes)),
                (key: "checksum", value: .int(Int(file.checksum))),
            ])
        }
        return .object([
            (key: "name", value: .string(name)), (key: "listed", value: .bool(isListed)),
            (key: "reading", value: .string(reading)),
            (key: "files", value: .array(files)),
        ])
    }

    fileprivate init?(_ json: JSONValue) {
        guard let name = json["name"]?.string, let reading = json["reading"]?.string,
            let isListed = json["listed"]?.bool,
            let files = json["files"]?.array
        else { return nil }
        self.init(name: name, isListed: isListed, reading: reading, files: [])
        for file in files {
            guard let bytes = file["bytes"]?.integer,
                let checksum = file["checksum"]?.integer.flatMap({ UInt32(exactly: $0) })
            else { return nil }
            self.files.append(FileMark(bytes: bytes, checksum: checksum))
        }
    }
}
