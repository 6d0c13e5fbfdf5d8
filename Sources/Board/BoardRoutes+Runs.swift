import Files
import Foundation
import Serving

extension BoardRoutes {
    /// Runs: listed, looked at, started, stopped, gone on with.
    var runRoutes: [Route] {
        [
            Route(.get, "/board/api/runs", access: .page) { _ in .json(runs) },
            Route(.get, "/board/api/steps", access: .page) { request throws(ServerProblem) in
                let folder = try folders.run(request.query["run"] ?? "")
                return .json(.array(RunFolder(folder).steps))
            },
            Route(.get, "/board/api/events", access: .page) { request throws(ServerProblem) in
                let name = request.query["run"] ?? ""
                return .events(RunEvents(of: name, in: try folders.run(name), starter).stream())
            },
            Route(.post, "/board/api/start", access: .page) { request throws(ServerProblem) in
                .json(try start(request.json()))
            },
            Route(.post, "/board/api/stop", access: .page) { request throws(ServerProblem) in
                try starter.stop(try folders.run(request.json()["run"]?.string ?? ""))
                return .json(.object([("stopping", .bool(true))]))
            },
            Route(.post, "/board/api/resume", access: .page) { request throws(ServerProblem) in
                .json(try resume(request.json()))
            },
            Route(.post, "/board/api/verify", access: .page) { request throws(ServerProblem) in
                let (list, name) = try checkpoint(request.json())
                let problem = try list.verify(name)
                return .json(.object([("problem", problem.map { .string($0) } ?? .null)]))
            },
            Route(.post, "/board/api/inspect", access: .page) { request throws(ServerProblem) in
                let (list, name) = try checkpoint(request.json())
                return .json(.array(try list.lines(of: name).map { .string($0) }))
            },
        ]
    }

    private var runs: JSONValue {
        let (found, isCut) = RunFolder.all(below: folders.runs)
        let list = found.map { path in
            let run = RunFolder(path)
            return run.summary(name: folders.name(ofRun: path), job: starter.job(of: run))
        }
        return .object([("runs", .array(list)), ("cut", .bool(isCut))])
    }

    private func start(_ value: JSONValue) throws(ServerProblem) -> JSONValue {
        let asked = try asked(value)
        try checkFiles(asked.settings)
        if let problem = services.check(asked.yaml, asked.command).problem {
            throw .invalid(problem, code: "configuration")
        }
        try starter.start(
            asked.form, task: asked.task, settings: asked.yaml, in: asked.folder)
        return .object([("run", .string(folders.name(ofRun: asked.folder)))])
    }

    /// Goes on from a checkpoint with the settings that the run's folder has.
    private func resume(_ value: JSONValue) throws(ServerProblem) -> JSONValue {
        let name = value["run"]?.string ?? ""
        let folder = try folders.run(name)
        let run = RunFolder(folder)
        guard let settings = run.text(RunFolder.settingsName),
            let written = run.text(RunFolder.formName)
        else {
            throw ServerProblem(
                409,
                "the run '\(name)' was not started by a board; run its own command again to go on")
        }
        let members = try services.readYAML(settings).members ?? []
        try folders.check(members)
        try checkFiles(members)
        let (form, _) = try BoardForm.reading(services.readYAML(written))
        let task = run.record?.task ?? .train
        var overrides =
            form.command(for: task) == "eval" ? ["--resume"] : ["overwrite_output_dir=false"]
        if let checkpoint = value["checkpoint"]?.string {
            let path = try CheckpointList(run).path(checkpoint)
            overrides.append("resume_from_checkpoint=\(folders.shown(path))")
        }
        try starter.start(
            form, task: task, settings: nil, in: folder, overrides: overrides)
        return .object([("run", .string(name))])
    }

    /// Files that datasets and tasks name are in the board's folders, too.
    private func checkFiles(_ settings: [JSONValue.Member]) throws(ServerProblem) {
        try FolderSearch(folders).checkDatasets(settings)
        try TaskFileCheck(folders, readYAML: services.readYAML).check(settings)
    }

    private func checkpoint(
        _ value: JSONValue
    ) throws(ServerProblem) -> (list: CheckpointList, name: String) {
        let folder = try folders.run(value["run"]?.string ?? "")
        return (CheckpointList(RunFolder(folder)), value["checkpoint"]?.string ?? "")
    }
}
