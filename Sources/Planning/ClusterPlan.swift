import Foundation

/// Predictions for a cluster that is not here.
package struct ClusterPlan: Sendable, Codable {
    /// A change and what it would do.
    package struct Advice: Sendable, Codable {
        package var change: String
        package var tokensPerSecond: Double
        package var efficiency: Double
        /// Of one rank, bytes.
        package var memory: Int
    }

    package var settings: PlanSettings
    package var work: PlanConstants.Work
    /// A micro-batch of one rank as measured, and what it ran on.
    package var host: String
    package var measuredThreads: Int
    package var measuredRanks: Int
    package var step: PlanConstants.Step
    package var rollout: PlanConstants.Rollout?
    package var matrixPeak: Double
    package var networks: [PlanNetwork]
    package var within: LinkModel
    /// Sizes of gradient buckets in the order in which they are summed, bytes.
    package var buckets: [Double]
    /// By network, then by nodes.
    package var rows: [PlanRow]
    /// Where `advice` is for.
    package var adviceNodes: Int
    package var adviceNetwork: PlanNetwork
    /// The best first.
    package var advice: [Advice]
    /// What less memory would cost, where there is a way.
    package var memoryAdvice: Advice?

    /// - Parameters:
    ///   - nodes: numbers of nodes, ascending; at least one.
    ///   - networks: at least one.
    ///   - focus: the number of nodes that advice is given for.
    ///   - focusNetwork: its network.
    package init(
        _ constants: PlanConstants, settings: PlanSettings, nodes: [Int],
        networks: [PlanNetwork], focus: Int, on focusNetwork: PlanNetwork
    ) {
        self.settings = settings
        self.networks = networks
        work = constants.work
        host = constants.host
        measuredThreads = constants.threads
        measuredRanks = constants.ranksOnHost
        step = constants.step
        rollout = constants.rollout
        matrixPeak = constants.matrixPeak
        let scenario = PlanScenario(
            constants: constants, settings: settings, nodes: focus, network: focusNetwork)
        within = scenario.within
        buckets = scenario.work(ranks: scenario.layout.ranks).buckets.map(\.bytes)
        rows = networks.flatMap { network in
            nodes.map { count in
                PlanScenario(
                    constants: constants, settings: settings, nodes: count, network: network
                ).predict()
            }
        }
        adviceNodes = focus
        adviceNetwork = focusNetwork
        advice = Self.advice(for: scenario)
        memoryAdvice = Self.memoryAdvice(for: scenario)
    }

    /// Powers of two up to 4,096 and what the user names, ascending.
    package static func nodeCounts(_ named: [Int]) -> [Int] {
        Set((0...12).map { 1 << $0 } + named).sorted()
    }

    /// The line rates, in Gb/s, that a plan has unless others are named.
    package static let standardGigabits = [1.0, 10, 25, 100, 200]

    /// Networks of these line rates, and the measured one before them.
    /// - Parameter latency: seconds of a short message.
    package static func networks(
        gigabits: [Double], latency: Double, _ constants: PlanConstants
    ) -> [PlanNetwork] {
        let measured = constants.between.map { link in
            PlanNetwork(
                gigabits: link.bytesPerSecond * 8 / 1e9, isMeasured: true, link: link)
        }
        let assumed = gigabits.map { rate in
            PlanNetwork(
                gigabits: rate, isMeasured: false,
                link: .ethernet(
                    gigabits: rate, latency: latency,
                    bytesPerSecondOfRank: rankRate(constants)))
        }
        return (measured.map { [$0] } ?? []) + assumed
    }

    /// One thread copies what it sends and what it receives, so it moves each way at most half of
    /// what it copies.
    package static func rankRate(_ constants: PlanConstants) -> Double { constants.copyRate / 2 }

    // MARK: advice

    /// Changes below this gain in tokens a second are not worth a word.
    private static let leastGain = 1.02

    /// Changes that would raise tokens a second, the best first.
    static func advice(for scenario: PlanScenario) -> [Advice] {
        let now = scenario.predict().tokensPerSecond
        let all = changes(of: scenario).map { advice($0.name, $0.scenario) }
        return all.filter { $0.tokensPerSecond > now * leastGain }
            .sorted { $0.tokensPerSecond > $1.tokensPerSecond }
    }

    private static func advice(_ change: String, _ scenario: PlanScenario) -> Advice {
        let row = scenario.predict()
        return Advice(
            change: change, tokensPerSecond: row.tokensPerSecond, efficiency: row.efficiency,
            memory: row.memory.total)
    }

    private static func changes(
        of scenario: PlanScenario
    ) -> [(name: String, scenario: PlanScenario)] {
        var changes: [(String, PlanScenario)] = []
        func add(_ name: String, _ change: (inout PlanScenario) -> Void) {
            var changed = scenario
            change(&changed)
            changes.append((name, changed))
        }
        let settings = scenario.settings
        add("gradient_accumulation_steps: \(settings.microBatches * 4)") {
            $0.settings.microBatches *= 4
        }
        if !settings.narrowWire, !settings.sumsByTree {
            add("wire_precision: bf16") { $0.settings.narrowWire = true }
        }
        if let bytes = bestBucketBytes(for: scenario) {
            add(String(format: "bucket_mb: %.4g", Double(bytes) / 1_048_576)) {
                $0.settings.bucketBytes = bytes
            }
        }
        if settings.overlaps == false, !settings.sumsByTree {
            add("overlap_communication: true") { $0.settings.overlaps = true }
        }
        if !settings.hasFreeCore, settings.threads > 1, !settings.sumsByTree {
            add("threads_per_rank: \(settings.threads - 1), a processor for sums") {
                $0.settings.threads -= 1
                $0.settings.overlaps = nil
            }
        }
        if settings.divides == true { add("zero_stage: 0") { $0.settings.divides = false } }
        add("a link ten times as fast") {
            $0.network.link.bytesPerSecond *= 10
            $0.network.link.bytesPerSecondOfRank *= 10
        }
        return changes
    }

    /// The size of buckets, a power of four times the present one, that is fastest; `nil` where the
    /// present one is.
    private static func bestBucketBytes(for scenario: PlanScenario) -> Int? {
        let sizes = [-3, -2, -1, 0, 1, 2, 3].map { power in
            max(1, Int(Double(scenario.settings.bucketBytes) * pow4(power)))
        }
        let best = sizes.max { tokens($0, scenario) < tokens($1, scenario) }
        return best == scenario.settings.bucketBytes ? nil : best
    }

    private static func tokens(_ bytes: Int, _ scenario: PlanScenario) -> Double {
        var changed = scenario
        changed.settings.bucketBytes = bytes
        return changed.predict().tokensPerSecond
    }

    private static func pow4(_ power: Int) -> Double {
        power < 0 ? 1 / Double(1 << (-2 * power)) : Double(1 << (2 * power))
    }

    private static func memoryAdvice(for scenario: PlanScenario) -> Advice? {
        guard !scenario.predict().divides, scenario.constants.memory.moments > 0,
            scenario.layout.ranks > 1
        else { return nil }
        var changed = scenario
        changed.settings.divides = true
        return advice("zero_stage: 1", changed)
    }
}
