import Planning
import Testing

/// Step times against arithmetic on paper, and at their limits.
@Suite struct StepModelTests {
    /// One second of forward, two of backward, two buckets of 400 MB.
    private static let work = StepWork(
        microBatches: 1, forward: 1, backward: 2, norm: 0.04, update: 0.2, copies: 0.1,
        buckets: [.init(bytes: 4e8, ready: 0.5), .init(bytes: 4e8, ready: 1)], tokens: 1000)

    private static func model(
        _ schedule: StepSchedule = StepSchedule(), nodes: Int, bytesPerSecond: Double,
        latency: Double = 0, work: StepWork = work
    ) -> StepModel {
        StepModel(
            work: work, schedule: schedule,
            links: CommunicationModel(
                layout: RankLayout(nodes: nodes, ranksPerNode: 1),
                within: LinkModel(latency: 0, rendezvous: 0, bytesPerSecond: .infinity),
                between: LinkModel(
                    latency: latency, rendezvous: 0, bytesPerSecond: bytesPerSecond),
                reductionRate: .infinity))
    }

    @Test func withoutOverlapSumsFollowCompute() {
        // On two ranks a sum takes n/B: 0.4 s each.
        let step = Self.model(nodes: 2, bytesPerSecond: 1e9).predict()
        #expect(step.compute == 3 && isClose(step.communication, 0.4) && isClose(step.tail, 0.4))
        #expect(isClose(step.control, 0.02) && step.update == 0.2 && step.gather == 0)
        #expect(isClose(step.seconds, 4.02))
        #expect(step.largestCost.name == "communication" || step.largestCost.name == "tail bucket")
    }

    @Test func overlapHidesWhatBackwardCovers() {
        let schedule = StepSchedule(overlaps: true)
        // A fast link: the first sum ends long before backward does, the last is the tail.
        let fast = Self.model(schedule, nodes: 2, bytesPerSecond: 1e9)
        let short = fast.summing(4e8, meanwhile: true)
        #expect(short > 0.4 && short < 0.5)
        #expect(isClose(fast.predict().tail, fast.summing(4e8)))
        #expect(abs(fast.predict().communication) < 1e-9)
        #expect(fast.summing(4e8) < short)
        // A slow one: the first begins at 2 s, when half of backward is done, and ends after 3 s.
        let slow = Self.model(schedule, nodes: 2, bytesPerSecond: 2e8)
        let long = slow.summing(4e8, meanwhile: true)
        #expect(long > 2 && long < 2.1)
        #expect(isClose(slow.predict().communication, long - 1))
        #expect(isClose(slow.predict().tail, slow.summing(4e8)))
    }

    @Test func accumulationComputesMoreAndSumsOnce() {
        var work = Self.work
        work.microBatches = 4
        work.clear = 0.5
        let step = Self.model(nodes: 2, bytesPerSecond: 1e9, work: work).predict()
        #expect(step.compute == 12.5 && isClose(step.communication + step.tail, 0.8))
    }

    @Test func oneRankNeedsNoCommunication() {
        for divides in [false, true] {
            let schedule = StepSchedule(overlaps: true, divides: divides)
            let step = Self.model(schedule, nodes: 1, bytesPerSecond: 1, latency: 1).predict()
            #expect(step.communication == 0 && step.tail == 0 && step.gather == 0)
            #expect(step.waiting == 0 && isClose(step.seconds, 3.24))
        }
    }

    @Test func anEndlessLinkLeavesCompute() {
        let step = Self.model(nodes: 64, bytesPerSecond: .infinity).predict()
        #expect(step.communication == 0 && step.tail == 0)
        #expect(isClose(step.seconds, 3 + 0.04 / 64 + 0.2))
    }

    @Test func zeroDividesTheUpdateAndGathers() {
        let schedule = StepSchedule(divides: true)
        let step = Self.model(schedule, nodes: 4, bytesPerSecond: 1e9).predict()
        // 3/4 of 800 MB each way, and the copies made anew.
        #expect(isClose(step.update, 0.05) && isClose(step.communication + step.tail, 0.6))
        #expect(isClose(step.gather, 0.7))
    }

    @Test(arguments: [1, 2, 3, 8, 48, 4096], [false, true])
    func aFasterLinkIsNeverSlower(nodes: Int, overlaps: Bool) {
        for divides in [false, true] {
            for narrow in [false, true] {
                let schedule = StepSchedule(
                    overlaps: overlaps, divides: divides, narrowWire: narrow)
                let times = [1e7, 1e8, 1e9, 1e10, 1e11].map {
                    Self.model(schedule, nodes: nodes, bytesPerSecond: $0, latency: 3e-5)
                        .predict().seconds
                }
                #expect(zip(times, times.dropFirst()).allSatisfy { $0 >= $1 })
            }
        }
    }

    @Test func theSlowestRankKeepsTheOthersWaiting() {
        // E[max] of n standard normals: Harter 1961, table 1.
        for (count, mean) in [(2, 0.5642), (4, 1.0294), (10, 1.5388), (100, 2.5076)] {
            #expect(abs(StepModel.expectedMaximum(of: count) / mean - 1) < 0.05)
        }
        var work = Self.work
        work.deviation = 0.01
        let step = Self.model(nodes: 100, bytesPerSecond: 1e9, work: work).predict()
        #expect(abs(step.waiting / (0.03 * 2.5076) - 1) < 0.05)
    }

    @Test func partsAddUp() {
        let step = Self.model(
            StepSchedule(overlaps: true, divides: true), nodes: 5, bytesPerSecond: 1e8,
            latency: 1e-4
        ).predict()
        #expect(isClose(step.parts.reduce(0) { $0 + $1.seconds }, step.seconds))
    }

    @Test func zeroDividesMomentsAndNothingElse() {
        let work = MemoryWork(
            trainable: 1_000_000, copyBytes: 2, moments: 2, frozenBytes: 500,
            activationBytes: 7_000_000, programBytes: 3_000_000)
        let whole = work.predict(ranks: 8, divides: false)
        #expect(whole.parameters == 4_000_500 && whole.copies == 2_000_000)
        #expect(whole.gradients == 4_000_000 && whole.optimizer == 8_000_000)
        #expect(whole.activations == 7_000_000 && whole.program > 3_000_000)
        var divided = work.predict(ranks: 8, divides: true)
        #expect(divided.optimizer == 1_000_000)
        #expect(whole.total - divided.total == 7_000_000)
        divided.optimizer = whole.optimizer
        #expect(divided == whole)
        #expect(work.predict(ranks: 1, divides: true) == work.predict(ranks: 1, divides: false))
    }
}
