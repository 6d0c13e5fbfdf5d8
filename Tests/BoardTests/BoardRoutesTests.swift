import Board
import Files
import Foundation
import Serving
import TestSupport
import Testing

/// What the board answers, asked as a server asks it.
@Suite struct BoardRoutesTests {
    private let trial: BoardTrial
    private let server: HTTPServer

    init() throws {
        trial = try BoardTrial()
        server = try Self.server(trial)
    }

    static func server(
        _ trial: BoardTrial, host: String = "127.0.0.1", token: String? = nil
    ) throws -> HTTPServer {
        let board = BoardRoutes(
            folders: trial.folders, starter: trial.starter, services: trial.services)
        return HTTPServer(
            try ServerAddress(environment: ["API_HOST": host, "API_PORT": "7860"]),
            routes: board.routes, pageToken: token)
    }

    private func get(_ target: String) async throws -> (status: Int, body: JSONValue) {
        try await answer(ServerRequest("GET", target))
    }

    private func post(
        _ target: String, _ members: [JSONValue.Member]
    ) async throws -> (status: Int, body: JSONValue) {
        let body = JSONValue.object(members).text()
        return try await answer(ServerRequest("POST", target, body: Array(body.utf8)))
    }

    private func answer(
        _ request: ServerRequest, _ other: HTTPServer? = nil
    ) async throws -> (status: Int, body: JSONValue) {
        let answer = await (other ?? server).respond(request)
        let bytes = await answer.body()
        return (answer.status, (try? JSONValueReader.read(bytes[...])) ?? .null)
    }

    private func form(_ fields: [JSONValue.Member] = []) -> JSONValue {
        .object([("top.model_path", .string("models"))] + fields)
    }

    /// Every file below the working folder, and below the folder beside it.
    private var files: [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: trial.folder.path)) ?? []).sorted()
    }

    @Test func aRunIsPreviewedStartedListedStoppedAndGoneOnWith() async throws {
        let before = files
        let asked: [JSONValue.Member] = [("form", form()), ("name", .string("m/lora/x"))]
        let preview = try await post("/board/api/preview", asked)
        #expect(preview.status == 200 && preview.body["name"]?.string == "m/lora/x")
        #expect(preview.body["yaml"]?.string?.contains("output_dir: saves/m/lora/x\n") == true)
        #expect(preview.body["notices"]?.array == [.string("a notice")])
        #expect(files == before)

        #expect(try await post("/board/api/start", asked).status == 200)
        let path = try trial.folders.run("m/lora/x")
        #expect(trial.begins(path))
        let list = try await get("/board/api/runs").body["runs"]?.array
        #expect(list?.count == 1 && list?[0]["state"]?.string == "running")
        #expect(try await post("/board/api/start", asked).status == 409)
        let run: JSONValue.Member = ("run", .string("m/lora/x"))
        #expect(try await post("/board/api/stop", [run]).status == 200)
        #expect(trial.waits { RunFolder(path).status == 75 })

        try trial.folder.write("saves/m/lora/x/checkpoint-4.h5")
        let checkpoint: JSONValue.Member = ("checkpoint", .string("checkpoint-4.h5"))
        #expect(try await post("/board/api/resume", [run, checkpoint]).status == 200)
        #expect(trial.begins(path, times: 2))
        #expect(
            try trial.folder.read("saves/m/lora/x/arguments").contains(
                "overwrite_output_dir=false "
                    + "resume_from_checkpoint=saves/m/lora/x/checkpoint-4.h5"))
        try trial.starter.stop(path)
        #expect(trial.waits { RunFolder(path).status == 75 })
        let saved = try await post("/board/api/forms/load", [run])
        #expect(saved.body["form"]?["top.model_path"]?.string == "models")
    }

    @Test func settingsThatTheCommandRefusesStartNothing() async throws {
        let before = files
        let answer = try await post(
            "/board/api/start", [("form", form([("train.dataset", .string("bad"))]))])
        #expect(answer.status == 400 && answer.body["error"]?["message"]?.string == "stage: bad")
        #expect(files == before)
    }

    @Test func formsAreSavedAndLoaded() async throws {
        let saved = try await post(
            "/board/api/forms/save",
            [("form", form([("train.lora_rank", .string("4"))])), ("name", .string("mine"))])
        #expect(saved.body["saved"]?.string == "llamaboard_config/mine.yaml")
        #expect(try await get("/board/api/forms").body == .array([.string("mine")]))
        let loaded = try await post("/board/api/forms/load", [("name", .string("mine"))])
        #expect(loaded.body["form"]?["train.lora_rank"] == .string("4"))
        for name in ["../x", ".x", "a/b", ""] {
            let member: JSONValue.Member = ("name", .string(name))
            let saving = try await post("/board/api/forms/save", [("form", form()), member])
            #expect(saving.status == 400)
            #expect(try await post("/board/api/forms/load", [member]).status == 400)
        }
    }

    /// Every way in which a page names a path, each with one that leads outside.
    @Test func nothingOutsideTheFoldersIsReadOrWritten() async throws {
        try trial.folder.write("data.txt")
        _ = try trial.folder.makeFolder("data")
        let wrong: [JSONValue.Member] = [
            ("top.model_path", .string("/etc")), ("train.dataset_dir", .string("..")),
            ("train.dataset", .string("../x.json")), ("top.checkpoint_path", .string("/etc")),
            ("train.hostfile", .string("/etc/hosts")),
            ("train.extra_args", .string("{\"logging_dir\": \"/var/x\"}")),
        ]
        let before = files
        for field in wrong {
            for path in ["preview", "start", "rows"] {
                if path == "rows", field.key == "train.hostfile" { continue }
                let answer = try await post("/board/api/\(path)", [("form", form([field]))])
                #expect(answer.status == 403, "\(path) \(field.key)")
            }
        }
        let load = try await post("/board/api/model/load", [("form", form([wrong[0]]))])
        #expect(load.status == 403)
        for run in ["../data", "/etc", "a/../../data", "..%2Fdata"] {
            let name = run.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            for path in ["steps", "events"] {
                #expect(try await get("/board/api/\(path)?run=\(name)").status >= 400)
            }
            for path in ["stop", "resume", "verify", "inspect", "forms/load"] {
                let answer = try await post("/board/api/\(path)", [("run", .string(run))])
                #expect(answer.status >= 400, "\(path) \(run)")
            }
            let named = try await post(
                "/board/api/start", [("form", form()), ("name", .string(run))])
            #expect(named.status >= 400)
        }
        #expect(try await get("/board/api/datasets?folder=%2Fetc").status == 403)
        #expect(files == before)
    }

    @Test func aCatalogOfDatasetsLeadsNowhereElse() async throws {
        _ = try trial.folder.makeFolder("data")
        try trial.folder.write("data/dataset_info.json", #"{"a": {"file_name": "a.json"}}"#)
        #expect(try await get("/board/api/datasets?folder=data").body == .array([.string("a")]))
        #expect(try await post("/board/api/rows", [("form", form())]).status == 200)
        try trial.folder.write("data/dataset_info.json", #"{"a": {"file_name": "/etc/passwd"}}"#)
        for path in ["rows", "start"] {
            #expect(try await post("/board/api/\(path)", [("form", form())]).status == 403)
        }
    }

    /// What task files include and read is judged as what pages name.
    @Test func aTaskFileLeadsNowhereElse() async throws {
        _ = try trial.folder.makeFolder("t")
        let asked: [JSONValue.Member] = [
            (
                "form",
                form([("eval.kind", .string("tasks")), ("eval.task", .string("piqa, t/own.yaml"))])
            ),
            ("task", .string("evaluate")), ("name", .string("tried")),
        ]
        #expect(try await post("/board/api/start", asked).status == 400)
        for line in [
            #"include: "/etc/x.yaml""#, #"include: "../../x.yaml""#,
            #"dataset_kwargs: {"data_files": {"test": ["a.jsonl", "/etc/passwd"]}}"#,
        ] {
            try trial.folder.write("t/own.yaml", line + "\n")
            let answer = try await post("/board/api/start", asked)
            #expect(answer.status == 403, "\(line)")
        }
        try trial.folder.write("t/base.yaml", #"dataset_kwargs: {"data_files": "/etc/passwd"}"#)
        try trial.folder.write("t/own.yaml", "include: base.yaml\n")
        #expect(try await post("/board/api/start", asked).status == 403)
        try trial.folder.write("t/own.yaml", "group: g\ntask: base\n")
        #expect(try await post("/board/api/start", asked).status == 403)
        #expect(!files.contains { $0.hasPrefix("saves") })
    }

    @Test func rowsSayWhatIsLearned() async throws {
        let rows = try await post("/board/api/rows", [("form", form())]).body.array
        #expect(rows?[0]["title"]?.string == "chosen")
        #expect(rows?[0]["pieces"]?.array?.map { $0["learned"]?.bool } == [false, true])
    }

    @Test func pagesOfOthersAndPagesWithoutTheTokenAreRefused() async throws {
        let stranger = ["host": "127.0.0.1:7860", "origin": "http://evil.example"]
        for (method, path) in [("POST", "start"), ("POST", "stop"), ("GET", "runs")] {
            let request = ServerRequest(
                method, "/board/api/\(path)", headers: stranger, body: Array("{}".utf8))
            #expect(try await answer(request).status == 403)
        }
        let own = ["host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"]
        #expect(
            try await answer(ServerRequest("GET", "/board/api/runs", headers: own)).status == 200)
        let guarded = try Self.server(trial, host: "0.0.0.0", token: "secret")
        for path in ["/", "/board/api/runs", "/board/api/form", "/?token=secreT"] {
            #expect(try await answer(ServerRequest("GET", path), guarded).status == 401)
        }
        #expect(try await answer(ServerRequest("GET", "/?token=secret"), guarded).status == 200)
    }

    /// The page is whole: nothing is fetched but from the server's own paths.
    @Test func thePageNamesNoOtherHost() async throws {
        let page = await server.respond(ServerRequest("GET", "/"))
        let text = String(decoding: await page.body(), as: UTF8.self)
        #expect(text.hasPrefix("<!DOCTYPE html>") && text.contains("/board/api/events"))
        let addresses = text.split(separator: "//").dropFirst().map { $0.prefix(16) }
        // The namespace of SVG is a name, not an address.
        let others = addresses.filter { $0.contains(".") && !$0.hasPrefix("www.w3.org/2000/") }
        #expect(others.filter { !$0.hasPrefix(" ") && !$0.hasPrefix("/") }.isEmpty)
        #expect(!text.contains("<script src") && !text.contains("<link rel=\"stylesheet"))
    }
}
