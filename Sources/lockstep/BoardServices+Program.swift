import Board
import Configuration
import Files
import Foundation
import Generation
import Serving
import Training

extension BoardServices {
    /// The services that this program's other parts give.
    ///
    /// - Parameters:
    ///   - models: what the chat tab's model becomes one of.
    ///   - address: says how many answers are written at once.
    static func ofProgram(_ models: ServedModels, _ address: ServerAddress) -> BoardServices {
        BoardServices(
            version: ProgramVersion.text,
            keys: ConfigurationKey.table.filter { $0.support == .full }.map(\.name).sorted(),
            readYAML: { text throws(ServerProblem) in
                do throws(ConfigurationError) {
                    let values = try YAMLDocument(text: text, file: "form").values
                    return .object(
                        values.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })
                } catch {
                    throw .invalid("\(error)")
                }
            },
            check: check,
            preview: { yaml, count throws(ServerProblem) in
                try asked { () throws(TrainingError) in
                    try DataPreview.samples(try configuration(yaml, .train), count: count).map {
                        Sample(
                            title: $0.title,
                            pieces: $0.pieces.map { Piece(text: $0.text, isLearned: $0.isLearned) })
                    }
                }
            },
            load: { yaml throws(ServerProblem) in
                try asked { () throws(TrainingError) in
                    let configuration = try configuration(yaml, .chat)
                    models.stop(within: 0)
                    let model = try ofGeneration { () throws(GenerationError) in
                        try ServedModel(
                            configuration, name: nil,
                            threads: ProcessInfo.processInfo.activeProcessorCount, address.engine)
                    }
                    models.add(model)
                    return model.notes
                }
            },
            unload: { models.stop(within: 0) }, loaded: { models.all.first?.name })
    }

    @Sendable private static func check(_ yaml: String, _ command: String) -> Check {
        do throws(TrainingError) {
            let configuration = try configuration(
                yaml, command == "export" ? .export : command == "eval" ? .eval : .train)
            return Check(problem: nil, notices: configuration.notices)
        } catch {
            return Check(problem: error.description, notices: [])
        }
    }

    /// The configuration of a text, its files looked at.
    private static func configuration(
        _ yaml: String, _ command: ConfigurationCommand
    ) throws(TrainingError) -> RunConfiguration {
        do throws(ConfigurationError) {
            let configuration = try WrittenConfiguration(text: yaml, name: "training_args.yaml")
                .configuration(for: command)
            try configuration.validateFiles()
            return configuration
        } catch {
            throw .configuration(error)
        }
    }

    /// A mistake of the program's user is one in the request.
    private static func asked<Value>(
        _ body: () throws(TrainingError) -> Value
    ) throws(ServerProblem) -> Value {
        do {
            return try body()
        } catch {
            throw .invalid(error.description, code: "configuration")
        }
    }
}
