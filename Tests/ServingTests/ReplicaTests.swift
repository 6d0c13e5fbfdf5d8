import Files
import Generation
import Serving
import Synchronization
import Testing

/// A server in front of a replica, over a socket.
@Suite struct ReplicaTests {
    /// Two copies of a model: one asked in the process, the other through its own server.
    private final class Pair {
        let front: HTTPServer
        let replicas: ReplicaSet
        let replica: Replica
        let stops = Count()
        private let samples: [ServedSample]
        private let back: HTTPServer
        /// Ends the answers that keep a replica occupied.
        private let occupied: AsyncStream<ServerEvent>.Continuation

        var near: ServedModel { samples[0].model }
        var far: ServedModel { samples[1].model }

        /// - Parameter elsewhere: the port that is asked in place of the replica's.
        init(key: String = "secret", elsewhere: Int? = nil) async throws {
            let samples = [try ServedSample(slots: 1), try ServedSample(slots: 1)]
            self.samples = samples
            let stops = stops
            let address = try ServerAddress(environment: ["API_PORT": "0"])
            let back = HTTPServer(
                address.ofReplica(isNear: true, key: "secret"),
                routes: APIRoutes(samples[1].models).routes
                    + ReplicaRoutes(samples[1].models) { stops.add() }.routes)
            self.back = back
            let (ports, line) = AsyncStream.makeStream(of: Int.self)
            Task { try await back.run { line.yield($0) } }
            var port = 0
            for await found in ports {
                port = found
                break
            }
            replica = Replica(
                name: "rank 1 on here", host: "127.0.0.1", port: elsewhere ?? port, key: key)
            replicas = ReplicaSet([replica])
            let (nothing, occupied) = AsyncStream.makeStream(of: ServerEvent.self)
            self.occupied = occupied
            let waiting = Route(.post, "/wait", access: .open, endsWithClient: true) { _ in
                .events(nothing)
            }
            front = HTTPServer(
                address,
                routes: APIRoutes(samples[0].models, replicas).routes + [replicas.spread(waiting)])
        }

        /// An answer that does not end: the replica that has it, the near one of two that have nothing to do,
        /// has more to do than the other for as long as it is kept.
        func occupyNear() async -> ServerAnswer {
            await front.respond(ServerRequest("POST", "/wait"))
        }

        func ask(_ path: String, _ body: [JSONValue.Member]) async -> ServerAnswer {
            await front.respond(
                ServerRequest("POST", path, body: Array(JSONValue.object(body).text().utf8)))
        }

        func end() async {
            occupied.finish()
            await back.stop(within: 0)
        }
    }

    private final class Count: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock(\.self) }
        func add() { count.withLock { $0 += 1 } }
    }

    private static func story(_ count: Int, streams: Bool) -> [JSONValue.Member] {
        [
            ("prompt", .string("one two")), ("max_tokens", .int(count)), ("seed", .int(4)),
            ("temperature", .double(1)), ("stream", .bool(streams)),
            ("logit_bias", .object(["0", "1", "2"].map { ($0, .int(-100)) })),
        ]
    }

    /// The texts of a stream's events.
    private func text(_ reply: Reply) -> String {
        reply.events.compactMap { $0["choices"]?.array?.first?["text"]?.string }.joined()
    }

    @Test func theSecondOfTwoRequestsGoesToTheOtherAndHasTheSameAnswer() async throws {
        let pair = try await Pair()
        let first = await pair.ask("/v1/completions", Self.story(40, streams: true))
        let second = await pair.ask("/v1/completions", Self.story(40, streams: true))
        #expect(pair.replicas.totals == [1, 1])
        let (a, b) = (await Reply(first), await Reply(second))
        #expect(b.status == 200 && b.headers["content-type"] == "text/event-stream")
        #expect(!text(a).isEmpty && text(a) == text(b) && b.text.hasSuffix("data: [DONE]\n\n"))
        #expect(pair.far.engine.figures.finished == 1)
        await pair.end()
    }

    @Test func wholeAnswersAndRefusalsComeThrough() async throws {
        let pair = try await Pair()
        let held = await pair.occupyNear()
        let whole = await Reply(pair.ask("/v1/completions", Self.story(8, streams: false)))
        #expect(whole.status == 200 && whole.json["usage"]?["completion_tokens"]?.integer == 8)
        #expect(whole.headers["content-type"] == "application/json")
        let wrong = await Reply(pair.ask("/v1/completions", [("prompt", .int(3))]))
        #expect(wrong.status == 400 && wrong.error("type") == "invalid_request_error")
        #expect(pair.replicas.totals == [1, 2], "both went to the one that has less to do")
        let metrics = await Reply(pair.front.respond(ServerRequest("GET", "/metrics")))
        #expect(metrics.text.contains("lockstep:replica_requests_total{rank=\"1\"} 2\n"))
        #expect(metrics.text.contains("lockstep:requests_finished_total 1.0\n"))
        withExtendedLifetime(held) {}
        await pair.end()
    }

    /// Where other programs have the processors, an answer may be complete before anyone could end it; then
    /// another is asked for.
    @Test(.ownThread) func aStreamThatIsLetGoOfEndsAtTheReplica() async throws {
        let pair = try await Pair()
        let held = await pair.occupyNear()
        var isEndedEarly = false
        for number in 1...50 where !isEndedEarly {
            let before = pair.far.engine.figures.answerTokens
            _ = await pair.ask("/v1/completions", Self.story(4000, streams: true))
            while pair.far.engine.figures.finished < number {
                try await Task.sleep(for: .milliseconds(1))
            }
            isEndedEarly = pair.far.engine.figures.answerTokens - before < 4000
        }
        #expect(isEndedEarly)
        withExtendedLifetime(held) {}
        await pair.end()
    }

    @Test func aReplicaThatIsNotThereIsSaid() async throws {
        // Where nobody listens.
        let pair = try await Pair(elsewhere: 1)
        let held = await pair.occupyNear()
        let lost = await Reply(pair.ask("/v1/completions", Self.story(8, streams: false)))
        #expect(lost.status == 502 && lost.error("code") == "replica_lost")
        #expect(lost.error("message")?.contains("rank 1 on here") == true)
        withExtendedLifetime(held) {}
        await pair.end()
    }

    @Test func aReplicaAnswersWhoHasItsKeyAndEndsWhenAsked() async throws {
        let pair = try await Pair()
        await pair.replicas.stop()
        #expect(pair.stops.value == 1)
        await pair.end()
        let stranger = try await Pair(key: "guess")
        await stranger.replicas.stop()
        #expect(stranger.stops.value == 0)
        await #expect(throws: ServerProblem.self) { try await stranger.replicas.figures() }
        await stranger.end()
    }
}
