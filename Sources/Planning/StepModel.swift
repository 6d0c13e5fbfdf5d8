import Foundation

/// What one rank does in a step, in seconds measured without other ranks, and with which bytes.
package struct StepWork: Equatable, Sendable {
    /// A bucket of gradients.
    package struct Bucket: Equatable, Sendable {
        /// Of float32 gradients.
        package var bytes: Double
        /// The part of backward after which its gradients are complete, 0 to 1.
        package var ready: Double

        package init(bytes: Double, ready: Double) {
            self.bytes = bytes
            self.ready = ready
        }
    }

    package var microBatches: Int
    /// Of one micro-batch.
    package var forward: Double
    package var backward: Double
    /// Clearing the gradients.
    package var clear: Double
    /// The gradients' norm, of all of them.
    package var norm: Double
    /// The optimizer's update, of everything.
    package var update: Double
    /// Refreshing the copies in the compute type.
    package var copies: Double
    /// Relative standard deviation of a step's compute.
    package var deviation: Double
    /// In the order in which they are summed.
    package var buckets: [Bucket]
    /// Bytes of the buckets of masters, which zero_stage 1 gathers.
    package var gathered: [Double]
    /// Bytes of the rows of tables of embeddings that a rank sums apart.
    package var rows: [Double]
    /// Tokens of one rank in a step.
    package var tokens: Double
    /// A step's share of writing what it learns from.
    package var rollout = 0.0

    package init(
        microBatches: Int, forward: Double, backward: Double, clear: Double = 0, norm: Double = 0,
        update: Double = 0, copies: Double = 0, deviation: Double = 0, buckets: [Bucket],
        gathered: [Double]? = nil, rows: [Double] = [], tokens: Double
    ) {
        self.microBatches = microBatches
        self.forward = forward
        self.backward = backward
        self.clear = clear
        self.norm = norm
        self.update = update
        self.copies = copies
        self.deviation = deviation
        self.buckets = buckets
        self.gathered = gathered ?? buckets.map(\.bytes)
        self.rows = rows
        self.tokens = tokens
    }

    /// Forward and backward of all micro-batches.
    package var compute: Double { clear + Double(microBatches) * (forward + backward) }
}

/// How ranks sum their gradients.
package struct StepSchedule: Equatable, Sendable {
    /// Whether sums begin while backward goes on.
    package var overlaps: Bool
    /// Whether each rank updates only its share (zero_stage 1).
    package var divides: Bool
    /// Whether sums keep the aligned tree order (deterministic).
    package var sumsByTree: Bool
    /// Whether gradients travel as bfloat16.
    package var narrowWire: Bool
    /// The part of the communication thread's processor time that overlap takes from the step: 0
    /// where it has a processor of its own, else 1 divided by the threads.
    package var stolen: Double

    package init(
        overlaps: Bool = false, divides: Bool = false, sumsByTree: Bool = false,
        narrowWire: Bool = false, stolen: Double = 0
    ) {
        self.stolen = stolen
        self.overlaps = overlaps
        self.divides = divides
        self.sumsByTree = sumsByTree
        self.narrowWire = narrowWire
    }
}

/// A step's parts, in seconds; they add up to its time.
package struct StepPrediction: Equatable, Sendable, Codable {
    /// Forward and backward.
    package var compute = 0.0
    /// Writing the texts that the step learns from.
    package var rollout = 0.0
    /// Sums that nothing hides, without the tail.
    package var communication = 0.0
    /// The last bucket's sum, and rows of embeddings, which no later work can hide.
    package var tail = 0.0
    /// The gradients' norm, and the messages in which ranks agree on the step.
    package var control = 0.0
    package var update = 0.0
    /// Under zero_stage 1, giving every rank the others' masters.
    package var gather = 0.0
    /// Until the slowest rank has computed.
    package var waiting = 0.0

    package init() {}

    package var seconds: Double {
        compute + rollout + communication + tail + control + update + gather + waiting
    }

    /// The parts by name, compute first.
    package var parts: [(name: String, seconds: Double)] {
        [
            ("compute", compute), ("rollout", rollout), ("communication", communication),
            ("tail bucket", tail),
            ("control", control), ("update", update), ("all-gather", gather),
            ("waiting", waiting),
        ]
    }

    /// The largest part besides compute.
    package var largestCost: (name: String, seconds: Double) {
        parts.dropFirst().max { $0.seconds < $1.seconds } ?? ("compute", compute)
    }
}

/// The time of a step: compute, then whatever of the sums it does not hide, then the update.
///
/// The recursion over buckets is that of the DDP paper (Li et al. 2020, arXiv:2006.15704, section
/// 3.2.3): a bucket's sum begins when its gradients are complete and the sum before it has ended.
package struct StepModel: Sendable {
    package var work: StepWork
    package var schedule: StepSchedule
    package var links: CommunicationModel

    package init(work: StepWork, schedule: StepSchedule, links: CommunicationModel) {
        self.work = work
        self.schedule = schedule
        self.links = links
    }

    private var ranks: Int { links.layout.ranks }

    /// Seconds from the beginning of a bucket's sum to its end.
    /// - Parameter meanwhile: whether the step computes, so that waiting sleeps.
    package func summing(_ bytes: Double, meanwhile: Bool = false) -> Double {
        guard ranks > 1 else { return 0 }
        var links = links
        links.sleeps = meanwhile
        if schedule.sumsByTree { return links.meeting + links.treeSum(bytes) }
        let narrow = schedule.narrowWire
        return links.meeting
            + (schedule.divides
                ? links.reduceScatter(bytes, narrow: narrow) : links.sum(bytes, narrow: narrow))
    }

    /// Processor seconds that sums during backward take from it.
    private var stolen: Double {
        guard schedule.overlaps, schedule.stolen > 0 else { return 0 }
        return schedule.stolen
            * work.buckets.reduce(0) { sum, bucket in
                guard bucket.ready < 1 else { return sum }
                return sum
                    + links.processorSeconds(
                        bucket.bytes, narrow: schedule.narrowWire, scatters: schedule.divides)
            }
    }

    /// The prediction for a step that is applied.
    package func predict() -> StepPrediction {
        var step = StepPrediction()
        let backward = work.backward + stolen
        step.compute = work.compute + stolen
        step.rollout = work.rollout
        let beforeLastBackward = step.compute - backward
        var end = 0.0
        var last = 0.0
        for bucket in work.buckets {
            let ready =
                schedule.overlaps ? beforeLastBackward + backward * bucket.ready : step.compute
            let start = max(end, ready)
            last = summing(bucket.bytes, meanwhile: start < step.compute)
            end = start + last
        }
        let exposed = max(0, end - step.compute)
        let rows = work.rows.reduce(0) { $0 + links.rowExchange($1) }
        step.tail = min(exposed, last) + rows
        step.communication = exposed - min(exposed, last)
        step.control = work.norm / Double(ranks) + links.control
        step.update = schedule.divides ? work.update / Double(ranks) : work.update
        if schedule.divides, ranks > 1 {
            step.gather =
                work.copies
                + work.gathered.reduce(0) { $0 + links.meeting + links.allGather($1) }
        }
        step.waiting = work.deviation * work.compute * Self.expectedMaximum(of: ranks)
        return step
    }

    /// The mean of the largest of `count` standard normal numbers.
    ///
    /// Blom's approximation Φ⁻¹((n − 0.375)/(n + 0.25)) (Blom 1958), within 5 % from 2 numbers on.
    package static func expectedMaximum(of count: Int) -> Double {
        guard count > 1 else { return 0 }
        let p = (Double(count) - 0.375) / (Double(count) + 0.25)
        // Newton's method on Φ(x) = p.
        var x = (2 * log(Double(count))).squareRoot() * 0.7
        for _ in 0..<50 {
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            let step = (0.5 * erfc(-x / 2.0.squareRoot()) - p) / density
            x -= max(-0.5, min(0.5, step))
        }
        return x
    }
}
