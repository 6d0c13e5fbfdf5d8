import Files
import Foundation
import Serving

/// Follows what task files of an evaluation name, so that they lead to nothing outside the board's folders.
struct TaskFileCheck {
    private let folders: BoardFolders
    private let readYAML: @Sendable (_ text: String) throws(ServerProblem) -> JSONValue

    init(
        _ folders: BoardFolders,
        readYAML: @escaping @Sendable (_ text: String) throws(ServerProblem) -> JSONValue
    ) {
        self.folders = folders
        self.readYAML = readYAML
    }

    /// Checks the files that `task` and `eval_tasks` name.
    ///
    /// - Throws: 403 for the first file that is outside, 400 for a task file that cannot be read.
    func check(_ settings: [JSONValue.Member]) throws(ServerProblem) {
        for (key, value) in settings where key == "task" || key == "eval_tasks" {
            let texts = value.array?.compactMap(\.string) ?? [value.string ?? ""]
            for text in texts.flatMap({ $0.split(separator: ",") }) {
                try checkFile(String(text).trimmingWhitespace, depth: 0)
            }
        }
    }

    private func checkFile(_ name: String, depth: Int) throws(ServerProblem) {
        guard name.hasSuffix(".yaml") || name.hasSuffix(".yml") else { return }
        guard depth < 8 else { throw .invalid("\(name): include: files include each other") }
        let path = try folders.path(name)
        guard let bytes = try? RegularFile.bytes(path, most: 1 << 20) else {
            throw .invalid("task: '\(name)' cannot be read", param: "eval.task")
        }
        let values: JSONValue
        do {
            values = try readYAML(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw .invalid("\(name): \(error.message)", param: "eval.task")
        }
        let folder = (path as NSString).deletingLastPathComponent
        for file in Self.texts(of: values["dataset_kwargs"] ?? .null) {
            try checkPath(file, beside: folder, of: name)
        }
        if values["group"] != nil {
            for member in Self.texts(of: values["task"] ?? .null) {
                try checkMember(member, beside: folder, depth: depth)
            }
        }
        for include in Self.texts(of: values["include"] ?? .null) {
            try checkPath(include, beside: folder, of: name)
            try checkFile(
                include.hasPrefix("/") ? include : folder + "/" + include, depth: depth + 1)
        }
    }

    /// A member of a group is a file beside the group's, or a task that is built in.
    private func checkMember(
        _ member: String, beside folder: String, depth: Int
    ) throws(ServerProblem) {
        let isFile = member.hasSuffix(".yaml") || member.hasSuffix(".yml")
        let file =
            member.hasPrefix("/") ? member : folder + "/" + member + (isFile ? "" : ".yaml")
        guard isFile || FileManager.default.fileExists(atPath: file) else { return }
        try checkFile(file, depth: depth + 1)
    }

    /// A file counts from the working folder, or from the task file.
    private func checkPath(
        _ file: String, beside folder: String, of name: String
    ) throws(ServerProblem) {
        do {
            _ = try folders.path(file)
            if !file.hasPrefix("/") { _ = try folders.path(folder + "/" + file) }
        } catch {
            throw ServerProblem(
                error.status, "\(name): \(error.message)", param: "eval.task", code: error.code)
        }
    }

    private static func texts(of value: JSONValue) -> [String] {
        switch value {
        case .string(let text): [text]
        case .array(let items): items.flatMap(texts)
        case .object(let members): members.flatMap { texts(of: $0.value) }
        default: []
        }
    }
}
