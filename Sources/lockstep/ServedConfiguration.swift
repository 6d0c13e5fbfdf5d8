import Configuration
import Foundation
import Generation
import Serving
import Training

/// A model that a command serves, as its arguments and the environment say.
struct ServedConfiguration {
    let address: ServerAddress
    let models = ServedModels()

    /// Reads the model.
    ///
    /// - Parameter command: its name, for messages.
    init(_ arguments: [String], command: String) throws(TrainingError) {
        guard let file = arguments.first else { throw .user("\(command): give a YAML file") }
        let configuration = try ConfigurationFile.read(
            file, overrides: Array(arguments.dropFirst()), command: .chat)
        for notice in configuration.notices { Failure.say(notice) }
        let address = try ofServing { () throws(ServingError) in
            try ServerAddress(environment: ProcessInfo.processInfo.environment)
        }
        self.address = address
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let models = models
        try ofGeneration { () throws(GenerationError) in
            let kind = try ServedKind.of(configuration)
            try kind.checkKeys(configuration)
            guard kind == .texts || address.adapters.isEmpty else {
                throw .user("API_ADAPTERS is set, but only models that write texts have a choice")
            }
            // There, or its kind would not be known.
            let path = configuration.model.modelNameOrPath ?? ""
            switch kind {
            case .vectors:
                models.add(
                    try ServedVectors(
                        configuration, path: path, name: address.modelName, threads: threads))
            case .rewards:
                models.add(
                    try ServedRewards(
                        configuration, path: path, name: address.modelName, threads: threads))
            case .texts:
                let model = try ServedModel(
                    configuration, name: address.modelName, threads: threads, address.engine,
                    choices: address.adapters.map(\.folder))
                for note in model.notes { Failure.say(note) }
                models.add(model)
                for (index, adapter) in address.adapters.enumerated() {
                    models.add(model.withAdapter(index, name: adapter.name))
                }
            }
        }
    }

    /// Serves until a signal comes.
    ///
    /// - Parameter line: what is said once clients can connect, of the port.
    func serve(
        _ server: HTTPServer, _ line: @escaping @Sendable (Int) -> String
    ) throws(TrainingError) {
        let models = models
        try ofServing { () throws(ServingError) in
            try ServerProcess.run(server) { port in
                Failure.say(line(port))
            } stopping: {
                models.stop(within: $0)
            }
        }
        models.stop(within: 0)
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
