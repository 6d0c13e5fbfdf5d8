import Configuration
import Foundation
import Generation
import ModelFiles
import Serving
import Training

/// A model that a command serves, as its arguments and the environment say.
struct ServedConfiguration {
    let address: ServerAddress
    let models = ServedModels()
    private let ranks: ServedRanks

    /// Reads the model, on every rank. Collective.
    ///
    /// - Parameter command: its name, for messages.
    init(_ arguments: [String], command: String, _ ranks: ServedRanks) throws(TrainingError) {
        self.ranks = ranks
        guard let file = arguments.first else { throw .user("\(command): give a YAML file") }
        let configuration = try ConfigurationFile.agreed(
            file, overrides: Array(arguments.dropFirst()), command: .chat, over: ranks.communicator)
        try ranks.beginHeartbeat(configuration)
        if ranks.isFirst { for notice in configuration.notices { Failure.say(notice) } }
        let environment = try ranks.environment()
        let address = try RankAgreement.onAllRanks(ranks.communicator) {
            () throws(TrainingError) in
            try ofServing { () throws(ServingError) in try ServerAddress(environment: environment) }
        }
        self.address = address
        let models = models
        try RankAgreement.onAllRanks(ranks.communicator) { () throws(TrainingError) in
            try ofGeneration { () throws(GenerationError) in
                try Self.read(configuration, address, ranks, into: models)
            }
        }
        try checkWeights(configuration)
    }

    private static func read(
        _ configuration: RunConfiguration, _ address: ServerAddress, _ ranks: ServedRanks,
        into models: ServedModels
    ) throws(GenerationError) {
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
                    configuration, path: path, name: address.modelName, threads: ranks.threads))
        case .rewards:
            models.add(
                try ServedRewards(
                    configuration, path: path, name: address.modelName, threads: ranks.threads))
        case .texts:
            let model = try ServedModel(
                configuration, name: address.modelName, threads: ranks.threads, address.engine,
                choices: address.adapters.map(\.folder))
            if ranks.isFirst { for note in model.notes { Failure.say(note) } }
            models.add(model)
            for (index, adapter) in address.adapters.enumerated() {
                models.add(model.withAdapter(index, name: adapter.name))
            }
        }
    }

    /// Throws where the ranks' files of the model differ.
    private func checkWeights(_ configuration: RunConfiguration) throws(TrainingError) {
        guard ranks.areSeveral, let given = configuration.model.modelNameOrPath else { return }
        let adapters = configuration.adapter.adapterNameOrPath
        let path = (try? ModelSource.resolved(given, adapters: adapters).path) ?? given
        _ = try ModelAgreement.check(
            path, adapters: adapters + address.adapters.map(\.folder), over: ranks.communicator)
    }

    /// Serves until a signal comes.
    ///
    /// - Parameter front: what clients see.
    func serve(_ front: ServedRanks.Front) throws(TrainingError) {
        if ranks.areSeveral {
            try ranks.serve(models, front)
        } else {
            let models = models
            let server = HTTPServer(
                front.address, routes: front.pages + APIRoutes(models).routes,
                pageToken: front.pageToken)
            try ofServing { () throws(ServingError) in
                try ServerProcess.run(server) { port in
                    Failure.say(front.line(port))
                } stopping: {
                    models.stop(within: $0)
                }
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
