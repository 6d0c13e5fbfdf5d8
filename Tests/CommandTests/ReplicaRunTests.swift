import Foundation
import Testing

/// `lockstep api` under mpirun: a replica a rank behind rank 0.
@Suite struct ReplicaRunTests {
    private static let completions = "POST /v1/completions"

    private func question(_ seed: Int) -> String {
        "{\"prompt\": \"one\", \"seed\": \(seed), \"temperature\": 1, \"max_tokens\": 200, "
            + "\(TrialServer.endless), \"stream\": true}"
    }

    /// The text of a stream; empty where it has no end.
    private func text(_ answer: String) throws -> String {
        let lines = answer.split(whereSeparator: \.isNewline)
        guard lines.contains("data: [DONE]") else { return "" }
        return try lines.filter { $0.hasPrefix("data: {") }.map { line in
            let data = Data(line.dropFirst(6).utf8)
            let event = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            let choice = (event?["choices"] as? [[String: Any]])?.first
            return choice?["text"] as? String ?? ""
        }.joined()
    }

    /// All at once, so that none of two replicas can have them all.
    private func answers(_ server: TrialServer) throws -> [String] {
        let sockets = try (0..<8).map { try server.open(Self.completions, question($0)) }
        return try sockets.map { try text($0.readToEnd()) }
    }

    @Test func requestsGoToBothAndAnswersAreThoseOfOne() throws {
        let alone = try TrialServer()
        let expected = try answers(alone)
        #expect(expected.allSatisfy { !$0.isEmpty } && Set(expected).count > 1)
        _ = try alone.stop()
        let server = try TrialServer(ranks: 2)
        #expect(try answers(server) == expected)
        let totals = try (0..<2).map {
            try server.figure("replica_requests_total{rank=\"\($0)\"}") ?? 0
        }
        #expect(totals.allSatisfy { $0 > 0 } && totals[0] + totals[1] == 8)
        #expect(try server.figure("requests_finished_total") == 8)
        // mpirun hands it on; all ranks end by themselves.
        server.process.send(SIGUSR1)
        let run = try server.process.finish()
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.messages.count == 1, "\(run.errors)")
    }

    @Test(arguments: [0, 1]) func theLossOfAReplicaEndsAllAndIsSaid(rank: Int) throws {
        let server = try TrialServer(ranks: 2)
        let ranks = server.process.ranks
        try #require(ranks.count == 2)
        let socket = try server.open(Self.completions, question(1))
        kill(ranks[rank], SIGKILL)
        let run = try server.process.finish()
        #expect(run.status != 0)
        let lines = run.messages.filter { $0.contains("lost rank") }
        #expect(lines.count == 1, "\(run.errors)")
        // In which words depends on what was heard of it last.
        #expect(lines.first?.contains("lost rank \(rank) on host ") == true, "\(run.errors)")
        for rank in ranks { #expect(LockstepProcess.ends(rank)) }
        socket.close()
    }

    @Test func anAddressThatIsTakenIsSaidOnce() throws {
        let server = try TrialServer()
        let second = try server.folder.run(
            ["api", "serve.yaml"], ranks: 2, environment: ["API_PORT": "\(server.port)"])
        #expect(second.status == 2 && second.messages.count == 1, "\(second.errors)")
        #expect(second.says("cannot listen at 127.0.0.1 port \(server.port)"))
        _ = try server.stop()
    }
}
