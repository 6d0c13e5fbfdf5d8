import Autograd
import ConfigurationSupport
import Distributed
import Foundation
import Kernels
import Planning
import TestSupport
import Testing
import Training

/// Plans from constants that nobody had to measure.
@Suite struct ClusterPlanTests {
    /// 80 MB of gradients that a rank of two threads computes in a second.
    private static func constants() throws -> PlanConstants {
        let text = """
            {"format": 2, "host": "a", "processors": 8, "threads": 2, "ranksOnHost": 1,
             "matrixPeak": 1e11, "copyRate": 1e10, "reductionRate": 5e9,
             "work": {"model": "llama", "parameters": 20000000, "trainable": 20000000,
                      "precision": "bf16", "samples": 4, "length": 256, "optimizer": "adamw_torch",
                      "recomputes": false, "deterministic": false},
             "step": {"forward": 0.3, "backward": 0.6, "clear": 0.01, "norm": 0.01, "update": 0.05,
                      "copies": 0.02, "deviation": 0.01, "operations": 1e11,
                      "slots": [{"elements": 8000000, "ready": 0.3},
                                {"elements": 8000000, "ready": 0.6},
                                {"elements": 4000000, "ready": 1}], "tables": []},
             "memory": {"trainable": 20000000, "copyBytes": 2, "moments": 2, "frozenBytes": 0,
                        "activationBytes": 300000000, "programBytes": 100000000}}
            """
        return try JSONDecoder().decode(PlanConstants.self, from: Data(text.utf8))
    }

    private static func plan(
        _ settings: PlanSettings, gigabits: [Double] = [1, 10], focus: Int = 8
    ) throws -> ClusterPlan {
        let constants = try constants()
        let networks = ClusterPlan.networks(gigabits: gigabits, latency: 3e-5, constants)
        return ClusterPlan(
            constants, settings: settings, nodes: ClusterPlan.nodeCounts([3]), networks: networks,
            focus: focus, on: networks[0])
    }

    private static let settings = PlanSettings(
        overlaps: false, divides: false, coresPerNode: 2, threads: 2)

    @Test func nodesArePowersOfTwoAndWhatIsNamed() {
        #expect(
            ClusterPlan.nodeCounts([48, 3, 8]) == [
                1, 2, 3, 4, 8, 16, 32, 48, 64, 128, 256, 512, 1024, 2048, 4096,
            ])
    }

    @Test func everyNodeCountStandsOnEveryNetwork() throws {
        let plan = try Self.plan(Self.settings)
        #expect(plan.rows.count == 2 * 14 && plan.networks.map(\.gigabits) == [1, 10])
        let alone = try #require(plan.rows.first)
        #expect(alone.nodes == 1 && alone.efficiency == 1)
        // 1,024 tokens in 0.01 + 0.3 + 0.6 + 0.01 + 0.05 s.
        #expect(isClose(alone.stepSeconds, 0.97) && isClose(alone.tokensPerSecond, 1024 / 0.97))
        for row in plan.rows {
            #expect(isClose(row.stepSeconds, row.parts.seconds))
            #expect(
                isClose(row.tokensPerSecond, 1024 * Double(row.ranks) / row.stepSeconds))
        }
    }

    @Test func aRolloutBelongsToTheStepsThatLearnFromIt() throws {
        var constants = try Self.constants()
        let alone = try #require(try Self.plan(Self.settings).rows.first)
        constants.rollout = PlanConstants.Rollout(
            completions: 4, microBatches: 1, tokens: 16, steps: 2, seconds: 0.5, bytes: 1000)
        var settings = Self.settings
        settings.microBatches = 2
        let scenario = { (settings: PlanSettings) in
            PlanScenario(
                constants: constants, settings: settings, nodes: 1,
                network: ClusterPlan.networks(gigabits: [1], latency: 3e-5, constants)[0])
        }
        let (one, two) = (scenario(Self.settings).predict(), scenario(settings).predict())
        #expect(isClose(one.parts.rollout, 0.25) && isClose(two.parts.rollout, 0.5))
        #expect(isClose(one.stepSeconds, alone.stepSeconds + 0.25))
        #expect(one.memory.total == alone.memory.total + 1000 && two.memory.rollout == 2000)
    }

    @Test func threadsShareTheWork() throws {
        var settings = Self.settings
        (settings.coresPerNode, settings.threads) = (8, 8)
        let row = try #require(try Self.plan(settings).rows.first)
        #expect(isClose(row.stepSeconds, 0.97 / 4))
    }

    @Test func adviceKeepsItsPromise() throws {
        let plan = try Self.plan(Self.settings)
        let now = try #require(plan.rows.first { $0.nodes == 8 && $0.gigabits == 1 })
        #expect(now.efficiency < 0.6)
        let names = plan.advice.map(\.change)
        #expect(names.first == "a link ten times as fast")
        #expect(names.contains("gradient_accumulation_steps: 4"))
        #expect(names.contains("wire_precision: bf16"))
        #expect(names.contains("threads_per_rank: 1, a processor for sums") == false)
        var accumulating = Self.settings
        accumulating.microBatches = 4
        let then = try Self.plan(accumulating).rows.first { $0.nodes == 8 && $0.gigabits == 1 }
        let told = plan.advice.first { $0.change == "gradient_accumulation_steps: 4" }
        #expect(told?.tokensPerSecond == then?.tokensPerSecond)
        #expect(told?.efficiency == then?.efficiency)
    }

    @Test func lessMemoryHasItsPrice() throws {
        let plan = try Self.plan(Self.settings)
        let saving = try #require(plan.memoryAdvice)
        let now = try #require(plan.rows.first { $0.nodes == 8 })
        // Seven eighths of two float32 moments.
        #expect(now.memory.total - saving.memory == 140_000_000)
        var divided = Self.settings
        divided.divides = true
        #expect(try Self.plan(divided).memoryAdvice == nil)
    }

    @Test func overlapIsChosenWhereItPays() throws {
        var settings = Self.settings
        #expect(settings.schedules(nodes: 8).map(\.overlaps) == [false])
        settings.overlaps = nil
        #expect(settings.schedules(nodes: 8).map(\.overlaps) == [false, true])
        // Without a free processor the communication thread takes half of one of two threads.
        #expect(settings.schedules(nodes: 8).map(\.stolen) == [0.5, 0.5])
        let (apart, best) = (try Self.plan(Self.settings), try Self.plan(settings))
        for (one, other) in zip(apart.rows, best.rows) {
            #expect(other.stepSeconds <= one.stepSeconds)
            #expect(other.overlaps || other.stepSeconds == one.stepSeconds)
        }
        let slow = try #require(best.rows.first { $0.nodes == 8 && $0.gigabits == 1 })
        let slowApart = try #require(apart.rows.first { $0.nodes == 8 && $0.gigabits == 1 })
        // Of sums of 1.2 s at the least, those of two of three buckets can begin during backward.
        #expect(slow.overlaps && slow.stepSeconds < slowApart.stepSeconds - 0.1)
        settings.coresPerNode = 3
        #expect(settings.hasFreeCore && settings.schedules(nodes: 8).map(\.stolen) == [0, 0])
        settings.sumsByTree = true
        #expect(settings.schedules(nodes: 8).map(\.overlaps) == [false])
    }

    @Test func updatesAreDividedAmongRanksOfOneNodeUnlessToldOtherwise() throws {
        var settings = Self.settings
        (settings.divides, settings.overlaps) = (nil, nil)
        #expect(settings.schedules(nodes: 1).map(\.divides) == [true, true])
        #expect(settings.schedules(nodes: 2).map(\.divides) == [false, false])
        settings.narrowWire = true
        #expect(settings.schedules(nodes: 1).map(\.divides) == [false, false])
        (settings.narrowWire, settings.sumsByTree) = (false, true)
        #expect(settings.schedules(nodes: 1).map(\.divides) == [false])
        settings.divides = true
        #expect(settings.schedules(nodes: 2).map(\.divides) == [true])
    }

    @Test func ofMastersInHalvesOnlyThoseOfTablesAreSharedWhole() {
        let slots = [1000, 200, 3000].map { BucketLayout.Slot(elements: $0, ready: 1) }
        func gathered(_ lookedUp: Set<Int>?) -> [Double] {
            BucketLayout.sums(of: slots, bytes: 4000, tables: [], tokens: 8, lookedUp: lookedUp)
                .gathered
        }
        #expect(gathered(nil) == [4000, 12800])
        #expect(gathered([]) == [2000, 6400])
        #expect(gathered([2]) == [2000, 12800])
    }

    @Test func fewRowsOfATableAreSummedApart() throws {
        var constants = try Self.constants()
        constants.step.tables = [
            BucketLayout.Table(slot: 2, rows: 16_384, width: 100, denseReady: 0.1)
        ]
        func work(_ nodes: Int) -> StepWork {
            PlanScenario(
                constants: constants, settings: Self.settings, nodes: nodes,
                network: ClusterPlan.networks(gigabits: [1], latency: 3e-5, constants)[0]
            ).work(ranks: nodes)
        }
        // 1,024 tokens a rank are a quarter of the rows on four ranks.
        let four = work(4)
        #expect(four.buckets.map(\.bytes) == [16e6, 32e6, 32e6] && four.buckets[0].ready == 0.1)
        #expect(four.gathered == [32e6, 32e6, 16e6])
        // Some of 1,024 random tokens are equal: 993 differ.
        #expect(four.rows.count == 1 && abs(four.rows[0] / (993 * 101 * 4) - 1) < 0.001)
        #expect(work(5).rows.isEmpty && work(5).buckets.map(\.bytes) == [32e6, 32e6, 16e6])
    }

    @Test func ranksThatDoNotFitAreRefused() throws {
        let run = try training(["threads_per_rank": .int(4)])
        #expect(throws: TrainingError.self) {
            try PlanSettings(run, ranksPerNode: 3, coresPerNode: 8)
        }
        #expect(try PlanSettings(run, ranksPerNode: 2, coresPerNode: 8).threads == 4)
        #expect(try PlanSettings(try training(), ranksPerNode: 2, coresPerNode: 8).threads == 4)
    }

    @Test func constantsComeBackFromTheirFile() throws {
        let folder = try TemporaryFolder()
        var constants = try Self.constants()
        constants.between = LinkModel(latency: 1e-5, rendezvous: 0, bytesPerSecond: 1.1e8)
        try constants.write(to: folder.path("c.json"))
        let read = try PlanConstants(contentsOf: folder.path("c.json"))
        #expect(read == constants)
        try read.check(fit: constants.work, in: "c.json")
        let networks = ClusterPlan.networks(gigabits: [10], latency: 3e-5, read)
        #expect(networks.map(\.isMeasured) == [true, false])
        #expect(isClose(networks[0].gigabits, 0.88))
        var other = constants.work
        other.length = 512
        #expect {
            try read.check(fit: other, in: "c.json")
        } throws: {
            "\($0)".contains("cutoff_len 256, but the configuration has 512")
        }
    }

    @Test func constantsOfAnotherKindAreRefused() throws {
        let folder = try TemporaryFolder()
        var constants = try Self.constants()
        constants.format = 3
        try constants.write(to: folder.path("new.json"))
        try folder.write("text.json", "[]")
        constants.format = 2
        constants.step.forward = 0
        try constants.write(to: folder.path("zero.json"))
        for name in ["new.json", "text.json", "zero.json", "absent.json"] {
            #expect(throws: TrainingError.self) {
                try PlanConstants(contentsOf: folder.path(name))
            }
        }
    }

    /// The plan's buckets are those that training makes.
    @Test(arguments: [1, 128, 500, 1000, 4096, 100_000])
    func bucketsAreTheReducers(bytes: Int) throws {
        let workspace = Workspace(threads: 1)
        let parameters = [[5, 7], [11], [2, 40], [300], [1], [64]].enumerated().map {
            Parameter(name: "p\($0)", shape: Shape($1), initializer: .normal(deviation: 1))
        }
        let store = ParameterStore(
            parameters, computeType: .float32, training: true, in: workspace)
        let reducer = GradientReducer(
            store, over: SingleProcess(),
            settings: GradientReducer.Settings(
                bucketBytes: bytes, overlaps: false, divides: false))
        let ends = store.slots.dropFirst().map(\.offset) + [store.count]
        let slots = zip(store.slots, ends).enumerated().map { index, slot in
            BucketLayout.Slot(elements: slot.1 - slot.0.offset, ready: Double(index) / 10)
        }
        let buckets = BucketLayout.buckets(of: slots, bytes: bytes).buckets
        #expect(buckets.map(\.bytes) == reducer.buckets.map { Double($0.range.count * 4) })
        #expect(buckets.last?.ready == 0.5)
        #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.ready <= $1.ready })
    }
}
