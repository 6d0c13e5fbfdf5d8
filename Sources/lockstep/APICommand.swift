import ArgumentParser
import Configuration
import Foundation
import Generation
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
            guard let file = arguments.first else { throw .user("api: give a YAML file") }
            let configuration = try ConfigurationFile.read(
                file, overrides: Array(arguments.dropFirst()), command: .chat)
            let address = try ofServing { () throws(ServingError) in
                try ServerAddress(environment: ProcessInfo.processInfo.environment)
            }
            let model = try ofGeneration { () throws(GenerationError) in
                try ServedModel(
                    configuration, name: address.modelName,
                    threads: ProcessInfo.processInfo.activeProcessorCount, address.engine)
            }
            for note in model.notes { Failure.say(note) }
            let models = ServedModels()
            models.add(model)
            let server = HTTPServer(address, routes: APIRoutes(models).routes)
            try ofServing { () throws(ServingError) in
                try ServerProcess.run(server) { port in
                    Failure.say(
                        "\(model.name) answers at http://\(address.host):\(port)/v1, "
                            + "\(model.engine.slots) at once, up to \(model.engine.limit) tokens each"
                    )
                } stopping: {
                    models.stop(within: $0)
                }
            }
            models.stop(within: 0)
        } catch {
            Failure.end(error)
        }
    }
}

/// What `body` gives; its problem as an error of a command.
func ofServing<Value>(
    _ body: () throws(ServingError) -> Value
) throws(TrainingError) -> Value {
    do {
        return try body()
    } catch {
        throw .user(error.description)
    }
}
