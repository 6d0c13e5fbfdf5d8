package import Configuration
package import Training

/// What a plan may change without measuring anew.
package struct PlanSettings: Equatable, Sendable, Codable {
    /// gradient_accumulation_steps.
    package var microBatches: Int
    package var bucketBytes: Int
    /// overlap_communication: whether sums begin during backward; `nil` where that is measured when
    /// the run starts.
    package var overlaps: Bool?
    /// zero_stage 1; `nil` divides where all ranks share a node, unless they sum by the tree or as
    /// bfloat16.
    package var divides: Bool?
    /// deterministic.
    package var sumsByTree: Bool
    /// wire_precision bf16.
    package var narrowWire: Bool
    package var ranksPerNode: Int
    package var coresPerNode: Int
    /// Threads of a rank.
    package var threads: Int

    package init(
        microBatches: Int = 1, bucketBytes: Int = 25 << 20, overlaps: Bool? = nil,
        divides: Bool? = nil, sumsByTree: Bool = false, narrowWire: Bool = false,
        ranksPerNode: Int = 1, coresPerNode: Int = 1, threads: Int = 1
    ) {
        self.microBatches = microBatches
        self.bucketBytes = bucketBytes
        self.overlaps = overlaps
        self.divides = divides
        self.sumsByTree = sumsByTree
        self.narrowWire = narrowWire
        self.ranksPerNode = ranksPerNode
        self.coresPerNode = coresPerNode
        self.threads = threads
    }

    /// The settings of a run on nodes of `cores` processors with `ranksPerNode` ranks each.
    /// - Throws: ``TrainingError/user(_:)`` where a node has too few processors for its ranks.
    package init(
        _ configuration: RunConfiguration, ranksPerNode: Int, coresPerNode: Int
    ) throws(TrainingError) {
        let threads =
            configuration.compute.trainingThreadsPerRank ?? max(1, coresPerNode / ranksPerNode)
        guard ranksPerNode * threads <= coresPerNode else {
            throw .user(
                "\(ranksPerNode) ranks of \(threads) threads do not fit on \(coresPerNode) "
                    + "cores a node; change --cores, --ranks-per-node or threads_per_rank")
        }
        self.init(
            microBatches: configuration.train.gradientAccumulationSteps,
            bucketBytes: Int(configuration.compute.bucketMB * 1_048_576),
            overlaps: configuration.compute.measuresOverlap
                ? nil : configuration.compute.overlapCommunication,
            divides: configuration.compute.zeroStage.map { $0 > 0 },
            sumsByTree: configuration.compute.deterministic,
            narrowWire: configuration.compute.wirePrecision == .bf16,
            ranksPerNode: ranksPerNode, coresPerNode: coresPerNode, threads: threads)
    }

    /// Whether each rank's communication thread has a processor of its own.
    package var hasFreeCore: Bool { ranksPerNode * threads < coresPerNode }

    /// The ways in which sums over so many nodes may go: one, or both where a measurement at the start
    /// decides.
    package func schedules(nodes: Int) -> [StepSchedule] {
        let divides = divides ?? (nodes == 1 && !sumsByTree && !narrowWire)
        let choices = sumsByTree ? [false] : overlaps.map { [$0] } ?? [false, true]
        return choices.map {
            StepSchedule(
                overlaps: $0, divides: divides, sumsByTree: sumsByTree,
                narrowWire: narrowWire,
                stolen: hasFreeCore ? 0 : 1 / Double(threads))
        }
    }
}

/// A network between nodes.
package struct PlanNetwork: Equatable, Sendable, Codable {
    /// 10⁹ bits a second: the line rate as told, or what was measured.
    package var gigabits: Double
    package var isMeasured: Bool
    package var link: LinkModel

    package init(gigabits: Double, isMeasured: Bool, link: LinkModel) {
        self.gigabits = gigabits
        self.isMeasured = isMeasured
        self.link = link
    }
}

/// One cluster, made ready to be predicted.
package struct PlanScenario: Sendable {
    package var constants: PlanConstants
    package var settings: PlanSettings
    package var nodes: Int
    package var network: PlanNetwork

    package init(
        constants: PlanConstants, settings: PlanSettings, nodes: Int, network: PlanNetwork
    ) {
        self.constants = constants
        self.settings = settings
        self.nodes = nodes
        self.network = network
    }

    package var layout: RankLayout {
        RankLayout(nodes: nodes, ranksPerNode: settings.ranksPerNode)
    }

    /// Tables of embeddings whose lookups `ranks` ranks sum row by row.
    private func tables(ranks: Int) -> [BucketLayout.Table] {
        guard ranks > 1, !settings.sumsByTree else { return [] }
        return constants.step.tables.filter {
            tokens * ranks <= $0.rows / BucketLayout.leastSaving
        }
    }

    /// Tokens of a rank in a step.
    private var tokens: Int {
        settings.microBatches * constants.work.samples * (constants.work.sequences ?? 1)
            * constants.work.length
    }

    /// What one of `ranks` ranks does, on as many threads as the plan gives it.
    package func work(ranks: Int) -> StepWork {
        let sums = BucketLayout.sums(
            of: constants.step.slots, bytes: settings.bucketBytes, tables: tables(ranks: ranks),
            tokens: tokens,
            lookedUp: constants.step.lookedUp.map { Set($0) })
        let step = constants.step
        let scale = Double(constants.threads) / Double(settings.threads)
        var work = StepWork(
            microBatches: settings.microBatches, forward: step.forward * scale,
            backward: step.backward * scale, clear: step.clear * scale, norm: step.norm * scale,
            update: step.update * scale, copies: step.copies * scale, deviation: step.deviation,
            buckets: sums.summed, gathered: sums.gathered, rows: sums.rows,
            tokens: Double(tokens))
        if let rollout = constants.rollout {
            work.rollout = rollout.seconds * rolloutScale * scale / Double(rollout.steps)
        }
        return work
    }

    /// How many times as many completions a rank writes as were measured.
    private var rolloutScale: Double {
        Double(settings.microBatches) / Double(max(constants.rollout?.microBatches ?? 1, 1))
    }

    /// Links between ranks of a node, as measured or through memory.
    package var within: LinkModel {
        constants.within
            ?? LinkModel(latency: 1e-6, rendezvous: 2e-6, bytesPerSecond: constants.copyRate)
    }

    /// The faster of the schedules.
    private func step(_ layout: RankLayout) -> (parts: StepPrediction, schedule: StepSchedule) {
        let links = CommunicationModel(
            layout: layout, within: within, between: network.link,
            reductionRate: constants.reductionRate, copyRate: constants.copyRate)
        let work = work(ranks: layout.ranks)
        var best = (parts: StepPrediction(), schedule: StepSchedule())
        for (index, schedule) in settings.schedules(nodes: layout.nodes).enumerated() {
            let parts = StepModel(work: work, schedule: schedule, links: links).predict()
            if index == 0 || parts.seconds < best.parts.seconds {
                best = (parts, schedule)
            }
        }
        return best
    }

    /// The prediction for the cluster.
    package func predict() -> PlanRow {
        let (step, schedule) = step(layout)
        let alone = self.step(RankLayout(nodes: 1, ranksPerNode: 1)).parts
        return PlanRow(
            gigabits: network.gigabits, isMeasuredLink: network.isMeasured, nodes: nodes,
            ranks: layout.ranks, stepSeconds: step.seconds,
            tokensPerSecond: Double(tokens * layout.ranks) / step.seconds,
            efficiency: alone.seconds / step.seconds, parts: step,
            overlaps: schedule.overlaps, divides: schedule.divides,
            largestCost: step.largestCost.name,
            memory: constants.memory.predict(
                ranks: layout.ranks, divides: schedule.divides,
                rollout: Int(Double(constants.rollout?.bytes ?? 0) * rolloutScale)))
    }
}

/// The prediction for one number of nodes on one network.
package struct PlanRow: Sendable, Codable {
    package var gigabits: Double
    package var isMeasuredLink: Bool
    package var nodes: Int
    package var ranks: Int
    package var stepSeconds: Double
    /// Over all ranks.
    package var tokensPerSecond: Double
    /// Tokens a second of a rank over those of one rank alone.
    package var efficiency: Double
    package var parts: StepPrediction
    /// Whether sums go on beside backward.
    package var overlaps: Bool
    /// Whether optimizer state is divided among ranks.
    package var divides: Bool
    /// The largest part of the step besides compute.
    package var largestCost: String
    /// Of one rank, bytes.
    package var memory: MemoryPrediction
}
