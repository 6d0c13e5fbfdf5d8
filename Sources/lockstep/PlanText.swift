import Foundation
import Planning

/// A plan as lines of at most 100 columns.
struct PlanText {
    let plan: ClusterPlan
    /// Networks whose steps are shown part by part.
    let detailed: [PlanNetwork]
    let latency: Double
    let rankRate: Double

    /// All of it.
    var lines: [String] {
        var lines = heading
        lines.append("")
        lines += summary
        for network in detailed {
            lines.append("")
            lines += details(network)
        }
        lines.append("")
        lines += advice
        return lines
    }

    // MARK: what was measured and assumed

    private var heading: [String] {
        let (work, settings) = (plan.work, plan.settings)
        let share = plan.step.operations / (plan.step.forward + plan.step.backward)
        var lines = [
            "\(work.model), \(grouped(work.trainable)) of \(grouped(work.parameters)) parameters "
                + "trained, \(work.precision), \(work.optimizer)",
            "a rank's step: \(settings.microBatches) × \(work.samples) samples × \(work.length) "
                + "tokens; \(settings.ranksPerNode) ranks of \(settings.threads) threads on "
                + "\(settings.coresPerNode) cores a node",
            "measured on \(plan.host), \(plan.measuredRanks) ranks of \(plan.measuredThreads) "
                + "threads at once, a micro-batch:",
            String(
                format: "    forward %.4g s, backward %.4g s (%.0f %% of %.0f GFLOP/s),",
                plan.step.forward, plan.step.backward, 100 * share / plan.matrixPeak,
                plan.matrixPeak / 1e9),
            String(
                format: "    norm %.2g s, update %.2g s, σ %.1f %%", plan.step.norm,
                plan.step.update, plan.step.deviation * 100),
        ]
        if settings.threads != plan.measuredThreads {
            lines.append(
                "    scaled from \(plan.measuredThreads) to \(settings.threads) threads as if speed "
                    + "grew with them; --constants takes such a node's own")
        }
        if let rollout = plan.rollout {
            lines.append(
                String(
                    format: "    rollout of %d completions of %d tokens %.4g s, %.2f GiB; steps "
                        + "that learn from it %d", rollout.completions, rollout.tokens,
                    rollout.seconds, gibibytes(rollout.bytes), rollout.steps))
        }
        lines.append(sums)
        lines += links
        return lines
    }

    private var sums: String {
        let settings = plan.settings
        let bytes = plan.buckets.reduce(0, +) / (settings.narrowWire ? 2 : 1)
        let when =
            settings.sumsByTree || settings.overlaps == false
            ? "after backward"
            : settings.overlaps == true
                ? "during backward" : "during or after backward, whichever is faster"
        return String(
            format: "gradients: %.0f MB in %d buckets, summed ", bytes / 1e6, plan.buckets.count)
            + when + (settings.divides == true ? "; zero_stage 1" : "")
            + (settings.narrowWire ? "; bf16 on the wire" : "")
    }

    private var links: [String] {
        var lines: [String] = []
        if plan.settings.ranksPerNode > 1 {
            lines.append(
                "links in a node: "
                    + String(
                        format: "%.1f µs, %.1f GB/s", plan.within.latency * 1e6,
                        plan.within.bytesPerSecond / 1e9))
        }
        if let measured = plan.networks.first(where: \.isMeasured) {
            lines.append(
                "links between nodes, measured: "
                    + String(
                        format: "%.0f µs, %.3g Gb/s", measured.link.latency * 1e6,
                        measured.gigabits))
        }
        if plan.networks.contains(where: { !$0.isMeasured }) {
            lines.append(
                "links between nodes, assumed: "
                    + String(
                        format: "%.3g µs, 94 %% of the line rate, at most %.1f GB/s a rank",
                        latency * 1e6, rankRate / 1e9))
        }
        return lines
    }

    // MARK: tables

    private var summary: [String] {
        var lines = ["tokens/s over all ranks, and efficiency against one rank"]
        for group in stride(from: 0, to: plan.networks.count, by: 5).map({
            Array(plan.networks[$0..<min($0 + 5, plan.networks.count)])
        }) {
            lines.append(
                right("nodes", 6) + right("ranks", 8)
                    + group.map { right(title($0), 16) }.joined())
            for nodes in Set(plan.rows.map(\.nodes)).sorted() {
                let rows = group.compactMap { row($0, nodes) }
                lines.append(
                    right("\(nodes)", 6) + right("\(rows.first?.ranks ?? 0)", 8)
                        + rows.map {
                            right(rate($0.tokensPerSecond), 10) + right(percent($0.efficiency), 6)
                        }.joined())
            }
        }
        return lines
    }

    /// Where the model writes what it learns from, that has the column of the ranks' agreement, which counts
    /// among the sums then: lines stay as wide.
    private func details(_ network: PlanNetwork) -> [String] {
        let hasGather = plan.rows.contains { $0.divides && $0.ranks > 1 }
        let hasRollout = plan.rollout != nil
        var lines = ["seconds of a step at \(title(network)), memory of a rank in GiB"]
        lines.append(
            right("nodes", 6) + right("step", 10) + right("compute", 10) + right("sums", 10)
                + right("tail", 9) + right(hasRollout ? "rollout" : "control", 9)
                + right("update", 9) + (hasGather ? right("gather", 9) : "")
                + right("waiting", 9) + right("memory", 8) + "  largest")
        for row in plan.rows where isOf(network, row) {
            let parts = row.parts
            let sums = parts.communication + (hasRollout ? parts.control : 0)
            lines.append(
                right("\(row.nodes)", 6) + right(seconds(row.stepSeconds), 10)
                    + right(seconds(parts.compute), 10) + right(seconds(sums), 10)
                    + right(seconds(parts.tail), 9)
                    + right(seconds(hasRollout ? parts.rollout : parts.control), 9)
                    + right(seconds(parts.update), 9)
                    + (hasGather ? right(seconds(parts.gather), 9) : "")
                    + right(seconds(parts.waiting), 9)
                    + right(String(format: "%.2f", gibibytes(row.memory.total)), 8) + "  "
                    + short(row.largestCost))
        }
        return lines
    }

    // MARK: advice

    private var advice: [String] {
        let place = "at \(plan.adviceNodes) nodes and \(title(plan.adviceNetwork))"
        guard
            let now = plan.rows.first(where: {
                isOf(plan.adviceNetwork, $0) && $0.nodes == plan.adviceNodes
            })
        else { return [] }
        let largest = now.parts.largestCost
        var lines = [
            "\(place) the largest cost besides compute is \(largest.name), "
                + String(format: "%.1f %% of the step", 100 * largest.seconds / now.stepSeconds)
        ]
        if plan.advice.isEmpty {
            lines.append("nothing that this knows of would help by more than 2 %")
        } else {
            lines.append("what would help there:")
            lines += plan.advice.prefix(4).map { advice in
                "    \(advice.change): "
                    + String(
                        format: "tokens/s +%.0f %%, efficiency ",
                        100 * (advice.tokensPerSecond / now.tokensPerSecond - 1))
                    + percent(advice.efficiency)
            }
        }
        if let saving = plan.memoryAdvice {
            lines.append(
                String(
                    format:
                        "memory: zero_stage: 1 needs %.2f instead of %.2f GiB a rank at %+.1f %% "
                        + "tokens/s;", gibibytes(saving.memory), gibibytes(now.memory.total),
                    100 * (saving.tokensPerSecond / now.tokensPerSecond - 1)))
        }
        let memory = now.memory
        lines.append(
            String(
                format: "    of it parameters %.2f, copies %.2f, gradients %.2f, optimizer %.2f, "
                    + "activations %.2f,", gibibytes(memory.parameters), gibibytes(memory.copies),
                gibibytes(memory.gradients), gibibytes(memory.optimizer),
                gibibytes(memory.activations)))
        lines.append(
            String(
                format: "    program %.2f; rank 0 needs %.2f more while it saves",
                gibibytes(memory.program), gibibytes(memory.checkpoint)))
        return lines
    }

    // MARK: cells

    private func isOf(_ network: PlanNetwork, _ row: PlanRow) -> Bool {
        row.gigabits == network.gigabits && row.isMeasuredLink == network.isMeasured
    }

    private func row(_ network: PlanNetwork, _ nodes: Int) -> PlanRow? {
        plan.rows.first { isOf(network, $0) && $0.nodes == nodes }
    }

    private func title(_ network: PlanNetwork) -> String {
        String(format: "%.3g Gb/s", network.gigabits) + (network.isMeasured ? " here" : "")
    }

    private func short(_ name: String) -> String {
        name == "communication" ? "sums" : name == "tail bucket" ? "tail" : name
    }

    private func rate(_ value: Double) -> String {
        value < 99_950
            ? String(format: value < 999.5 ? "%.1f" : "%.0f", value)
            : value < 9_995_000
                ? String(format: "%.0fk", value / 1e3) : String(format: "%.2fM", value / 1e6)
    }

    private func seconds(_ value: Double) -> String {
        value >= 100 ? String(format: "%.1f", value) : String(format: "%.4f", value)
    }

    private func percent(_ share: Double) -> String { String(format: "%.0f %%", share * 100) }

    private func gibibytes(_ bytes: Int) -> Double { Double(bytes) / 1_073_741_824 }

    private func grouped(_ number: Int) -> String {
        var text = String(number)
        var end = text.count - 3
        while end > 0 {
            text.insert(",", at: text.index(text.startIndex, offsetBy: end))
            end -= 3
        }
        return text
    }

    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}
