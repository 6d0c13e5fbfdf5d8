import ArgumentParser
import Serving
import Training

/// `lockstep api FILE.yaml [key=value …]`
struct APICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Serves a model over OpenAI's HTTP API.",
        discussion: """
            Reads what chat reads. An encoder or a folder of sentence-transformers serves vectors, a \
            reward model scores. API_HOST (127.0.0.1), API_PORT (8000), API_KEY, API_MODEL_NAME, \
            MAX_CONCURRENT (8 answers at once) and API_REQUEST_TIMEOUT (60 seconds) come from the \
            environment. SIGTERM stops it once the answers in the making are done. Under mpirun every \
            rank has the model, and rank 0 hands requests on.
            """)

    @Argument(help: "The YAML file; then settings as key=value.")
    var arguments: [String]

    func run() throws {
        ServedRanks.run { ranks throws(TrainingError) in
            let served = try ServedConfiguration(arguments, command: "api", ranks)
            let address = served.address
            let models = served.models.offered
            try served.serve(
                ServedRanks.Front(address: address) { port in
                    "http://\(address.host):\(port)/v1 answers as "
                        + models.map(Self.line).joined(separator: "; ")
                })
        }
    }

    private static func line(_ model: any ServedEntry) -> String {
        switch model {
        case let model as ServedModel:
            "\(model.name), \(model.engine.slots) at once, \(model.engine.limit) tokens"
        case is ServedVectors: "\(model.name), for vectors"
        case is ServedRewards: "\(model.name), for scores"
        default: model.name
        }
    }
}
