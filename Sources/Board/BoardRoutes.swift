import Files
import Foundation
package import Serving

/// The board's page and what it asks for.
package struct BoardRoutes: RouteGroup {
    let folders: BoardFolders
    let starter: RunStarter
    let services: BoardServices

    package init(folders: BoardFolders, starter: RunStarter, services: BoardServices) {
        self.folders = folders
        self.starter = starter
        self.services = services
    }

    package var routes: [Route] {
        [
            Route(.get, "/", access: .page) { _ in .page(BoardPage.html) },
            Route(.get, "/board/api/form", access: .page) { _ in .json(form) },
            Route(.get, "/board/api/places", access: .page) { _ in
                .json(FolderSearch(folders).json)
            },
            Route(.get, "/board/api/datasets", access: .page) { request throws(ServerProblem) in
                .json(try FolderSearch(folders).datasets(in: request.query["folder"] ?? "data"))
            },
            Route(.get, "/board/api/forms", access: .page) { _ in .json(savedForms) },
            Route(.post, "/board/api/forms/load", access: .page) { request throws(ServerProblem) in
                .json(try loadForm(request.json()))
            },
            Route(.post, "/board/api/forms/save", access: .page) { request throws(ServerProblem) in
                .json(try saveForm(request.json()))
            },
            Route(.post, "/board/api/preview", access: .page) { request throws(ServerProblem) in
                .json(try preview(request.json()))
            },
            Route(.post, "/board/api/rows", access: .page) { request throws(ServerProblem) in
                .json(try rows(request.json()))
            },
        ] + runRoutes + modelRoutes
    }

    /// What the page makes its forms of.
    private var form: JSONValue {
        .object([
            ("version", .string(services.version)), ("processors", .int(starter.processors)),
            ("working", .string(folders.working)), ("runs", .string(folders.shown(folders.runs))),
            ("keys", .array(services.keys.map { .string($0) })),
            ("top", .array([BoardFields.top.json])),
            ("train", .array(BoardFields.train.map(\.json))),
            ("launch", .array([BoardFields.launch.json, BoardFields.slurm.json])),
            ("eval", .array(BoardFields.evaluate.map(\.json))),
            ("export", .array(BoardFields.export.map(\.json))),
            ("loaded", services.loaded().map { .string($0) } ?? .null),
        ])
    }

    // MARK: Forms

    private var formsFolder: String { folders.working + "/llamaboard_config" }

    private var savedForms: JSONValue {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: formsFolder)) ?? []
        let shown = names.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.sorted()
        return .array(shown.map { .string(String($0.dropLast(".yaml".count))) })
    }

    /// A form by its name, or that of a run.
    private func loadForm(_ asked: JSONValue) throws(ServerProblem) -> JSONValue {
        let path =
            if let run = asked["run"]?.string {
                try folders.run(run) + "/" + RunFolder.formName
            } else {
                try folders.path(formPath(asked["name"]?.string ?? ""))
            }
        let text: String
        do {
            text = String(decoding: try RegularFile.bytes(path, most: 1 << 20), as: UTF8.self)
        } catch {
            throw ServerProblem(404, "there is no form in '\(folders.shown(path))'")
        }
        let (form, unknown) = try BoardForm.reading(services.readYAML(text))
        return .object([
            ("form", .object(form.members)), ("unknown", .array(unknown.map { .string($0) })),
        ])
    }

    private func saveForm(_ asked: JSONValue) throws(ServerProblem) -> JSONValue {
        let form = try BoardForm(asked["form"] ?? .null)
        let path = try folders.path(formPath(asked["name"]?.string ?? ""))
        try BoardFile.write(YAMLText.lines(form.members), to: path)
        return .object([("saved", .string(folders.shown(path)))])
    }

    private func formPath(_ name: String) throws(ServerProblem) -> String {
        let isSound =
            !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 100
            && name.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || $0.properties.numericType != nil
                    || "_-.".unicodeScalars.contains($0)
            }
        guard isSound else {
            throw .invalid("'\(name)' is no name of a form; use letters, digits and _-.")
        }
        return formsFolder + "/" + name + ".yaml"
    }

    // MARK: Previews

    /// What a form asks for: its task, the run's folder and name, its settings.
    struct Asked {
        let form: BoardForm
        let task: BoardForm.Task
        let folder: String
        let settings: [JSONValue.Member]

        var yaml: String { YAMLText.lines(settings) }
        var command: String { form.command(for: task) }
    }

    func asked(_ value: JSONValue) throws(ServerProblem) -> Asked {
        let form = try BoardForm(value["form"] ?? .null)
        guard let task = BoardForm.Task(rawValue: value["task"]?.string ?? "train") else {
            throw .invalid("task: expected train, evaluate or export", param: "task")
        }
        let name = value["name"]?.string ?? ""
        let folder = try folders.newRun(name.isEmpty ? suggestedName(form, task) : name)
        let settings = try form.settings(
            for: task, output: folders.shown(folder), readYAML: services.readYAML)
        try folders.check(settings)
        return Asked(form: form, task: task, folder: folder, settings: settings)
    }

    /// LLaMA Board's folders: model, method, and what is done with its time.
    private func suggestedName(_ form: BoardForm, _ task: BoardForm.Task) -> String {
        let model = URL(fileURLWithPath: form.text("top.model_path")).lastPathComponent
        let sound = model.map { $0 == "/" || $0.isWhitespace ? "-" : $0 }
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyy-MM-dd-HH-mm-ss"
        let word = task == .evaluate ? "eval" : task.rawValue
        let name = String(sound).drop { $0 == "." }
        return "\(name.isEmpty ? "model" : name)/\(form.text("top.finetuning_type"))/"
            + "\(word)_\(formatter.string(from: Date()))"
    }

    /// Command and settings, and what is wrong with them; nothing is written.
    private func preview(_ value: JSONValue) throws(ServerProblem) -> JSONValue {
        let asked = try asked(value)
        let command = try starter.command(asked.form, task: asked.task, folder: asked.folder)
        let check = services.check(asked.yaml, asked.command)
        return .object([
            ("name", .string(folders.name(ofRun: asked.folder))),
            ("command", .string(command.line)), ("yaml", .string(asked.yaml)),
            (
                "script",
                command.batchOptions == nil
                    ? .null
                    : .string(
                        command.script(
                            folder: asked.folder, working: folders.working, name: "lockstep"))
            ),
            ("problem", check.problem.map { .string($0) } ?? .null),
            ("notices", .array(check.notices.map { .string($0) })),
        ])
    }

    private func rows(_ value: JSONValue) throws(ServerProblem) -> JSONValue {
        let asked = try asked(value)
        guard asked.command != "eval" else {
            throw .invalid("rows of tasks are not shown; choose datasets", param: "eval.kind")
        }
        try FolderSearch(folders).checkDatasets(asked.settings)
        let rows = try services.preview(asked.yaml, 8)
        return .array(
            rows.map { sample in
                let pieces = sample.pieces.map { piece in
                    JSONValue.object([
                        ("text", .string(piece.text)), ("learned", .bool(piece.isLearned)),
                    ])
                }
                return .object([
                    ("title", sample.title.map { .string($0) } ?? .null),
                    ("pieces", .array(pieces)),
                ])
            })
    }
}
