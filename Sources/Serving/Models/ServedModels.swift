import Generation
import Synchronization

/// What a server offers under a name.
package protocol ServedEntry: Sendable {
    /// What requests call it.
    var name: String { get }
    /// Seconds since 1970.
    var created: Int { get }
}

/// The models of a server, none until one is loaded.
package final class ServedModels: Sendable {
    private let entries = Mutex<[any ServedEntry]>([])

    package init() {}

    /// Those that continue texts.
    package var all: [ServedModel] { offered.compactMap { $0 as? ServedModel } }

    /// All of them.
    package var offered: [any ServedEntry] { entries.withLock { $0 } }

    package func add(_ model: any ServedEntry) { entries.withLock { $0.append(model) } }

    /// What all engines have done.
    var figures: EngineFigures {
        // Adapters share their base's engine.
        all.filter { $0.adapter == nil }.map(\.engine.figures).reduce(EngineFigures(), +)
    }

    /// Ends all engines; what runs is finished, for so many seconds.
    package func stop(within seconds: Double) {
        let ended = entries.withLock { entries in
            defer { entries = [] }
            return entries
        }
        for model in ended { (model as? ServedModel)?.engine.stop(within: seconds) }
    }

    /// The model that a request names; the first that continues texts where it names none.
    ///
    /// - Throws: ``ServerProblem``: 404 for another name, 400 for one of another kind, 503 while there is
    ///   no model.
    package func model(named name: String?) throws(ServerProblem) -> ServedModel {
        try entry(named: name, "continues texts")
    }

    /// The same of what a request's endpoint needs.
    ///
    /// - Parameter ability: what the model has to be able to do, for messages.
    func entry<Entry>(
        named name: String?, _ ability: String
    ) throws(ServerProblem) -> Entry {
        let found = name == nil ? offered : [try entry(named: name)]
        if let entry = found.lazy.compactMap({ $0 as? Entry }).first { return entry }
        _ = try entry(named: name)
        throw .invalid(
            name.map { "the model '\($0)' is none that \(ability)" }
                ?? "here is no model that \(ability)", param: "model", code: "wrong_kind_of_model")
    }

    /// What a request names; the first where it names none.
    func entry(named name: String?) throws(ServerProblem) -> any ServedEntry {
        let offered = offered
        guard let first = offered.first else {
            throw ServerProblem(
                503, "no model is loaded", code: "no_model", retryAfter: 5)
        }
        guard let name else { return first }
        if let found = offered.first(where: { $0.name == name }) { return found }
        throw ServerProblem(
            404,
            "the model '\(name)' does not exist; here is "
                + offered.map { "'\($0.name)'" }.joined(separator: ", "), param: "model",
            code: "model_not_found")
    }
}
