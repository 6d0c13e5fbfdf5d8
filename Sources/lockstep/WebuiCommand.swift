import ArgumentParser
import Board
import Foundation
import Serving
import Training

/// `lockstep webui`
struct WebuiCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webui",
        abstract: "Serves the board: forms, runs with their curves, chat, export.",
        discussion: """
            Pages need no outside file. API_HOST (127.0.0.1) and API_PORT (7860) come from the \
            environment, also as GRADIO_SERVER_NAME and GRADIO_SERVER_PORT. Bound beyond this machine \
            it asks for a token, which stands in the address that it prints; BOARD_TOKEN sets it. \
            Runs go on when the board is stopped.
            """)

    @Option(help: "The folder of runs.")
    var runs = "saves"

    @Option(help: "A further folder that pages may name; the working folder is always one.")
    var allow: [String] = []

    func run() throws {
        do throws(TrainingError) {
            var environment = ProcessInfo.processInfo.environment
            environment["API_HOST"] = environment["API_HOST"] ?? environment["GRADIO_SERVER_NAME"]
            environment["API_PORT"] =
                environment["API_PORT"] ?? environment["GRADIO_SERVER_PORT"] ?? "7860"
            let settings = environment
            let bound = try ofServing { () throws(ServingError) in
                try ServerAddress(environment: settings)
            }
            let token = bound.isLocal ? settings["BOARD_TOKEN"] : Self.token(settings)
            // Without a key of its own the API is open to whoever has the board's token.
            let address = bound.withKey(bound.key ?? token)
            let models = ServedModels()
            let board = BoardRoutes(
                folders: folders, starter: starter,
                services: BoardServices.ofProgram(models, address))
            let server = HTTPServer(
                address, routes: board.routes + APIRoutes(models).routes, pageToken: token)
            try ofServing { () throws(ServingError) in
                try ServerProcess.run(server) { port in
                    let query = token.map { "?token=\($0)" } ?? ""
                    Failure.say("the board is at http://\(address.host):\(port)/\(query)")
                } stopping: {
                    models.stop(within: $0)
                }
            }
            models.stop(within: 0)
        } catch {
            Failure.end(error)
        }
    }

    private static func token(_ environment: [String: String]) -> String {
        environment["BOARD_TOKEN"].flatMap { $0.isEmpty ? nil : $0 } ?? RandomName.make()
    }

    private var folders: BoardFolders {
        BoardFolders(
            working: FileManager.default.currentDirectoryPath, runs: runs, further: allow)
    }

    private var starter: RunStarter {
        let program =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
        return RunStarter(
            folders: folders, program: program,
            processors: ProcessInfo.processInfo.activeProcessorCount)
    }
}
