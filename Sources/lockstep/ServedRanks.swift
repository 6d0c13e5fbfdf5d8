import Configuration
import Distributed
import Files
import Foundation
import Serving
import Synchronization
import Training

/// The processes that serve a model: one alone, or under mpirun a replica a rank, all asked through rank 0.
final class ServedRanks {
    let communicator: any Communicator
    private var heartbeat: Heartbeat?

    private init(_ communicator: any Communicator) { self.communicator = communicator }

    /// Meets the other processes, does something, and ends with them.
    static func run(_ body: (ServedRanks) throws(TrainingError) -> Void) {
        let ranks = ServedRanks(Ranks.meet())
        do throws(TrainingError) {
            try body(ranks)
        } catch {
            ranks.heartbeat?.stop(failed: true)
            Failure.end(ranks.communicator, error)
        }
        ranks.heartbeat?.stop()
        guard ranks.areSeveral else { return }
        FatalExit.together(ranks.communicator, message: nil, status: .done)
    }

    var areSeveral: Bool { communicator.size > 1 }

    /// Whether this process is the one that clients ask.
    var isFirst: Bool { communicator.rank == 0 }

    /// Threads for a model, where the configuration does not say.
    var threads: Int {
        areSeveral
            ? max(1, Machine.allowedProcessors() / communicator.localSize)
            : ProcessInfo.processInfo.activeProcessorCount
    }

    /// Signs of life from all ranks, from now on. Collective.
    func beginHeartbeat(_ configuration: RunConfiguration) throws(TrainingError) {
        let pulse = try Ranks.heartbeat(communicator, configuration)
        pulse.enter(.loading, step: 0)
        heartbeat = pulse
    }

    /// The environment of rank 0, as far as servers read it: mpirun does not hand it on to other hosts.
    /// Collective.
    func environment() throws(TrainingError) -> [String: String] {
        let own = ProcessInfo.processInfo.environment
        let read = own.filter { $0.key.hasPrefix("API_") || $0.key == "MAX_CONCURRENT" }
        guard areSeveral else { return read }
        // Replicas have a key of their own.
        let told = read.filter { $0.key != "API_KEY" }.map { ($0.key, JSONValue.string($0.value)) }
        let text = try gathered(JSONValue.object(told).text())[0]
        let members = (try? JSONValueReader.read(text))?.members ?? []
        let all = members.map { ($0.key, $0.value.string ?? "") }
        let first = Dictionary(all) { $1 }
        return isFirst ? first.merging(read) { $1 } : first
    }

    private func gathered(_ text: String) throws(TrainingError) -> [String] {
        do {
            return try communicator.allGather(text)
        } catch {
            throw .communication(error)
        }
    }

    // MARK: Serving

    /// What rank 0 shows to clients.
    struct Front {
        let address: ServerAddress
        /// Pages beside the API.
        var pages: [Route] = []
        var pageToken: String?
        /// What is said once clients can connect, of the port.
        let line: (Int) -> String
    }

    /// Serves until a signal comes: rank 0 its clients, every other rank what rank 0 hands on to it.
    /// Collective.
    func serve(_ models: ServedModels, _ front: Front) throws(TrainingError) {
        let key = try gathered(RandomName.make())[0]
        let hosts = communicator.hostNames
        let isNear = hosts.allSatisfy { $0 == hosts[0] }
        let wanted = DispatchSemaphore(value: 0)
        let back = ServerProcess(
            HTTPServer(
                front.address.ofReplica(isNear: isNear, key: key),
                routes: APIRoutes(models).routes
                    + ReplicaRoutes(models) { wanted.signal() }.routes))
        if !isFirst { for number in Self.signals { signal(number, SIG_IGN) } }
        let port = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            isFirst ? nil : try ofServing(back.start)
        }
        let ports = try gathered("\(port ?? 0)").map { Int($0) ?? 0 }
        let replicas = ReplicaSet(
            hosts.indices.dropFirst().map { rank in
                Replica(
                    name: "rank \(rank) on \(hosts[rank])",
                    host: hosts[rank] == hosts[0] ? "127.0.0.1" : hosts[rank], port: ports[rank],
                    key: key)
            })
        let process = ServerProcess(
            HTTPServer(
                front.address, routes: front.pages + APIRoutes(models, replicas).routes,
                pageToken: front.pageToken, asksReplicas: true))
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            guard isFirst else { return }
            try meet(replicas)
            process.stop(at: Self.signals) { models.stop(within: $0) }
            guard let port = try ofServing(process.start) else { return }
            Failure.say(front.line(port) + "; \(hosts.count) replicas")
        }
        heartbeat?.enter(.serving, step: 0)
        guard isFirst else {
            wanted.wait()
            back.stop()
            return try ofServing(back.wait)
        }
        try ofServing(process.wait)
        _ = waited { await replicas.stop() }
    }

    /// What asks for an end: mpirun hands on SIGUSR1, and ends ranks a second after it got the others.
    private static let signals = [SIGTERM, SIGINT, SIGUSR1]

    /// Throws where a replica does not answer.
    private func meet(_ replicas: ReplicaSet) throws(TrainingError) {
        let problem = waited { () async -> String? in
            do throws(ServerProblem) {
                _ = try await replicas.figures()
                return nil
            } catch {
                return error.message
            }
        }
        guard let text = problem ?? nil else { return }
        throw .user(
            "\(text) before it was asked anything: rank 0 reaches the others by TCP, at their hosts' "
                + "names and any port; let it pass between the hosts")
    }

    /// What `body` gives, waited for.
    private func waited<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value? {
        let value = Mutex<Value?>(nil)
        let isThere = DispatchSemaphore(value: 0)
        Task {
            let given = await body()
            value.withLock { $0 = given }
            isThere.signal()
        }
        isThere.wait()
        return value.withLock(\.self)
    }
}
