/// Decides from heartbeats whether the run stands still, and because of whom.
///
/// Pure: time comes in as an argument, in seconds of any steady clock.
package struct StallDetector: Sendable {
    /// What to do about a stall.
    package enum Notice: Equatable, Sendable {
        /// Tell the user.
        case warning(String)
        /// End the run: it has stood still longer than the timeout.
        case timeout(String)
    }

    private struct Seen: Sendable {
        var message: HeartbeatMessage
        var heard: Double
    }

    private let settings: HeartbeatSettings
    private let hosts: [String]
    private var seen: [Seen?]
    private var lastProgress: Double
    private var nextWarning: Double
    private var step = 0
    private var stepStarted: Double
    private var stepSeconds: [Double] = []

    /// - Parameter hosts: The host of each rank.
    package init(hosts: [String], settings: HeartbeatSettings, now: Double) {
        self.hosts = hosts
        self.settings = settings
        seen = Array(repeating: nil, count: hosts.count)
        lastProgress = now
        stepStarted = now
        nextWarning = 0
    }

    /// Takes in one message.
    package mutating func record(_ message: HeartbeatMessage, at now: Double) {
        let old = seen[message.rank]?.message
        seen[message.rank] = Seen(message: message, heard: now)
        let isProgress =
            old.map { $0.progress < message.progress || $0.collectives < message.collectives }
            ?? true
        guard isProgress else { return }
        lastProgress = now
        nextWarning = 0
        if message.step > step {
            if step > 0 { stepSeconds.append((now - stepStarted) / Double(message.step - step)) }
            if stepSeconds.count > 31 { stepSeconds.removeFirst() }
            step = message.step
            stepStarted = now
        }
    }

    /// Seconds without progress after which users are told.
    package var patience: Double {
        let sorted = stepSeconds.sorted()
        let median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        return max(settings.minimumStallSeconds, 5 * median)
    }

    /// What to say now. `nil` while the run moves, or while nobody waits for anybody.
    package mutating func check(at now: Double) -> Notice? {
        let idle = now - lastProgress
        guard idle >= patience, let culprits = culprits(at: now) else { return nil }
        let text = "step \(step): \(culprits)"
        if idle >= max(settings.timeoutSeconds, patience) {
            return .timeout(text)
        }
        guard idle >= nextWarning else { return nil }
        nextWarning = 2 * idle
        return .warning(text)
    }

    /// Which ranks the run waits for.
    private func culprits(at now: Double) -> String? {
        let silence = max(settings.periodSeconds * 5, settings.minimumStallSeconds / 3)
        let known = seen.compactMap(\.self)
        let silent = known.filter { now - $0.heard > silence && $0.message.phase != .finished }
        if let first = silent.max(by: { $0.heard > $1.heard }) {
            return waiting(
                for: silent, like: first, seconds: now - first.heard,
                "no sign of life since: stopped, killed, or its host is unreachable")
        }
        guard known.contains(where: \.message.isWaiting) else { return nil }
        let unheard = seen.indices.filter { seen[$0] == nil }
        if !unheard.isEmpty && known.allSatisfy(\.message.isWaiting) {
            return "waiting for \(describeRanks(unheard, hosts: hosts)), from which no heartbeat "
                + "ever came (UDP blocked between hosts?)"
        }
        let busy = known.filter { !$0.message.isWaiting && $0.message.phase != .finished }
        let candidates = busy.isEmpty ? known : busy
        let fewest = candidates.map(\.message.collectives).min() ?? 0
        let late = candidates.filter { $0.message.collectives == fewest }
        if busy.isEmpty && late.count == known.count {
            return "all ranks wait in the same collective for \(Int(now - lastProgress)) s: no data "
                + "moves between the hosts, check the network"
        }
        guard let first = late.max(by: { $0.message.secondsInPhase < $1.message.secondsInPhase })
        else { return nil }
        return waiting(
            for: late, like: first, seconds: first.message.secondsInPhase + now - first.heard, "")
    }

    private func waiting(
        for late: [Seen], like first: Seen, seconds: Double, _ remark: String
    ) -> String {
        let ranks = describeRanks(late.map(\.message.rank), hosts: hosts)
        return "waiting for \(ranks), last seen in \(first.message.phase.name) \(Int(seconds)) s ago"
            + (remark.isEmpty ? "" : " (\(remark))")
    }
}

/// How heartbeats are sent and judged.
package struct HeartbeatSettings: Equatable, Sendable {
    /// Seconds between two heartbeats of a rank.
    package var periodSeconds = 1.0
    /// A stall is reported after this many seconds, or five median steps if that is longer.
    package var minimumStallSeconds = 30.0
    /// Seconds without progress after which the run ends; the key `ddp_timeout`.
    package var timeoutSeconds = 600.0

    package init() {}

    package init(periodSeconds: Double, minimumStallSeconds: Double, timeoutSeconds: Double) {
        self.periodSeconds = periodSeconds
        self.minimumStallSeconds = minimumStallSeconds
        self.timeoutSeconds = timeoutSeconds
    }
}
