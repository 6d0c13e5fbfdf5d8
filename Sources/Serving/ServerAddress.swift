package import Generation
import Hummingbird

/// Where the server listens and what it asks of its clients, from the variables that LLaMA-Factory's server
/// reads: `API_HOST` (127.0.0.1 unless given), `API_PORT` (8000), `API_KEY`, `API_MODEL_NAME` and
/// `MAX_CONCURRENT` (8 answers at once); and from `API_REQUEST_TIMEOUT` (60 seconds) and `API_ADAPTERS`
/// (`NAME=FOLDER`, with commas between).
package struct ServerAddress: Sendable {
    package private(set) var host: String
    package private(set) var port: Int
    /// What a client sends as its bearer token; nil: none is asked for.
    package private(set) var key: String?
    /// The name under which the model is offered; nil: the name of its folder or file.
    package let modelName: String?
    /// How many answers are written at once, and how many requests wait.
    package let engine: AnswerEngine.Settings
    /// Seconds within which a request's head has to be there, and then its body; a client that reads
    /// nothing of its answer for as long is cut off, too.
    package let requestSeconds: Int
    /// Adapters over the model, each offered under a name of its own.
    package let adapters: [(name: String, folder: String)]

    /// - Throws: ``ServingError`` when a variable has a value that it cannot have.
    package init(environment: [String: String]) throws(ServingError) {
        host = environment["API_HOST"] ?? "127.0.0.1"
        guard let port = Int(environment["API_PORT"] ?? "8000"), (0...65_535).contains(port) else {
            throw .variable(
                "API_PORT", found: environment["API_PORT"] ?? "", expected: "a port, 0 to 65535")
        }
        self.port = port
        key = environment["API_KEY"].flatMap { $0.isEmpty ? nil : $0 }
        var engine = AnswerEngine.Settings()
        let concurrent = environment["MAX_CONCURRENT"] ?? "\(engine.slots)"
        guard let slots = Int(concurrent), (1...256).contains(slots) else {
            throw .variable("MAX_CONCURRENT", found: concurrent, expected: "a number, 1 to 256")
        }
        engine.slots = slots
        engine.queueLimit = max(engine.queueLimit, slots)
        self.engine = engine
        let timeout = environment["API_REQUEST_TIMEOUT"] ?? "60"
        guard let seconds = Int(timeout), (1...86_400).contains(seconds) else {
            throw .variable(
                "API_REQUEST_TIMEOUT", found: timeout, expected: "seconds, 1 to 86400")
        }
        requestSeconds = seconds
        adapters = try Self.adapters(environment["API_ADAPTERS"] ?? "")
        modelName = environment["API_MODEL_NAME"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func adapters(
        _ text: String
    ) throws(ServingError) -> [(name: String, folder: String)] {
        var adapters: [(name: String, folder: String)] = []
        for entry in text.split(separator: ",") {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, !adapters.contains(where: { $0.name == parts[0] }) else {
                throw .variable(
                    "API_ADAPTERS", found: String(entry),
                    expected: "NAME=FOLDER, with commas between, each name once")
            }
            adapters.append((parts[0], parts[1]))
        }
        return adapters
    }

    /// Whether only this machine can reach it.
    package var isLocal: Bool { ["127.0.0.1", "localhost", "::1"].contains(host) }

    /// The same with another key.
    package func withKey(_ key: String?) -> ServerAddress {
        var address = self
        address.key = key
        return address
    }

    /// The address of a replica, which its process in front of it alone asks: any free port.
    ///
    /// - Parameter isNear: whether that process is on the same machine.
    package func ofReplica(isNear: Bool, key: String) -> ServerAddress {
        var address = withKey(key)
        (address.host, address.port) = (isNear ? "127.0.0.1" : "0.0.0.0", 0)
        return address
    }

    var bindAddress: BindAddress { .hostname(host, port: port) }
}
