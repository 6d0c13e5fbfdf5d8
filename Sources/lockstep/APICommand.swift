import ArgumentParser
import Serving
import Training

/// `lockstep api FILE.yaml [key=value …]`
struct APICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Serves a model over OpenAI's HTTP API.",
        discussion: """
            Reads what chat reads. API_HOST (127.0.0.1), API_PORT (8000), API_KEY, API_MODEL_NAME \
            and MAX_CONCURRENT (8 answers at once) come from the environment. SIGTERM stops it \
            once the answers in the making are done.
            """)

    @Argument(help: "The YAML file; then settings as key=value.")
    var arguments: [String]

    func run() throws {
        do throws(TrainingError) {
            let served = try ServedConfiguration(arguments, command: "api")
            let address = served.address
            let server = HTTPServer(address, routes: APIRoutes(served.models).routes)
            let models = served.models.all
            try served.serve(server) { port in
                "http://\(address.host):\(port)/v1 answers as "
                    + models.map {
                        "\($0.name), \($0.engine.slots) at once, \($0.engine.limit) tokens"
                    }
                    .joined(separator: "; ")
            }
        } catch {
            Failure.end(error)
        }
    }
}
