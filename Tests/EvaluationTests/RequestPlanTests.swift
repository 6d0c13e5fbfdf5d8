import Evaluation
import Testing

/// How requests are divided into units and dealt among ranks.
@Suite struct RequestPlanTests {
    /// Questions of 3 subjects with 4 one-token choices behind a long common beginning, and some texts.
    private static let requests: [TaskRequest] =
        (0..<60).flatMap { number -> [TaskRequest] in
            let subject = Array(repeating: Int32(number % 3), count: 200)
            let context = subject + [Int32(10 + number)] + Array(repeating: 5, count: number % 7)
            return (1...4).map { .likelihood(context: context, continuation: [$0]) }
        }
        + (0..<10).map {
            .text(
                prompt: Array(repeating: 3, count: 5 + $0),
                TextLimits(stops: ["\n"], tokens: $0 < 6 ? 16 : 32))
        }

    @Test(arguments: [1, 2, 3, 4, 7])
    func everyRequestIsAnsweredOnceOnAnyNumberOfRanks(_ ranks: Int) {
        let plan = RequestPlan(Self.requests, batch: 4)
        var seen: [Int] = []
        for round in plan.rounds.indices {
            for rank in 0..<ranks {
                seen += plan.share(of: rank, among: ranks, in: round).flatMap(\.requests)
            }
        }
        #expect(seen.sorted() == Array(Self.requests.indices))
    }

    /// What is alike is computed once: three beginnings of 200 tokens, not 240.
    @Test func alikeBeginningsAreComputedOnce() {
        let scores = Array(Self.requests.prefix(240))
        let plan = RequestPlan(scores, batch: 4)
        let units = plan.rounds.flatMap { $0 }
        #expect(units.count == 3)
        #expect(plan.tokens < 3 * 201 + 60 * 12 + 240)
    }

    /// Without what is answered the others stay in units of their own.
    @Test func answeredRequestsAreLeftOut() {
        let plan = RequestPlan(Self.requests, skipping: Set(0..<200), batch: 4)
        let seen = plan.rounds.flatMap { $0 }.flatMap(\.requests).sorted()
        #expect(seen == Array(200..<Self.requests.count))
        #expect(RequestPlan(Self.requests, skipping: Set(0..<250), batch: 4).rounds.isEmpty)
    }

    /// Texts of other limits are not continued together, and at most so many.
    @Test func textsAreContinuedInBatches() {
        let units = RequestPlan(Array(Self.requests.suffix(10)), batch: 4).rounds.flatMap { $0 }
        #expect(units.map(\.requests.count).sorted() == [2, 4, 4])
        #expect(
            units.allSatisfy {
                $0.requests.allSatisfy { $0 < 6 } || $0.requests.allSatisfy { $0 > 5 }
            })
    }

    @Test func ranksGetAlikeShares() {
        let requests = (0..<64).map {
            TaskRequest.likelihood(
                context: Array(repeating: Int32($0), count: 10 + 7 * $0), continuation: [1])
        }
        let plan = RequestPlan(requests, batch: 1)
        let loads = (0..<4).map { rank in
            plan.rounds.indices.reduce(0) { sum, round in
                sum + plan.share(of: rank, among: 4, in: round).reduce(0) { $0 + $1.tokens }
            }
        }
        #expect(Double(loads.max() ?? 0) < 1.1 * Double(loads.min() ?? 0))
    }

    @Test func textsEndBeforeTheFirstStop() {
        let limits = TextLimits(stops: ["</s>", "\n\n", "Q:"], tokens: 4)
        #expect(limits.cut("one\ntwo\n\nQ: three</s>") == "one\ntwo")
        #expect(limits.cut("one") == "one")
    }
}
