/// Decides from heartbeats whether the run stands still, and because of whom.
///
/// Pure: time comes in as an argument, in seconds of any steady clock.
package struct StallDetector: Sendable {
    /// What to do about a stall or a loss.
    package enum Notice: Equatable, Sendable {
        /// Tell the user.
        case warning(String)
        /// End the run: it has stood still longer than the timeout, or a rank is gone. Without a
        /// line where a rank has printed one.
        case end(String?)
    }

    private struct Seen: Sendable {
        var message: HeartbeatMessage
        var heard: Double
        /// When its connection ended.
        var lost: Double?
    }

    private let settings: HeartbeatSettings
    private let hosts: [String]
    private var seen: [Seen?]
    private var lastProgress: Double
    private var nextWarning = 0.0
    private var hasToldLoss = false
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
    }

    /// Takes in one message.
    package mutating func record(_ message: HeartbeatMessage, at now: Double) {
        let old = seen[message.rank]?.message
        seen[message.rank] = Seen(
            message: message, heard: now, lost: message.phase == .failed ? now : nil)
        // Coming to a collective is progress, too: who waits there waits from then on.
        let isProgress =
            old.map {
                $0.progress < message.progress || $0.collectives < message.collectives
                    || (message.isWaiting && !$0.isWaiting)
            } ?? true
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

    /// Takes in that a rank's connection has ended. Ranks that had finished are not missed.
    package mutating func recordLoss(of rank: Int, at now: Double) {
        guard let message = seen[rank]?.message, message.phase != .finished else { return }
        if seen[rank]?.lost == nil { seen[rank]?.lost = now }
    }

    /// Whether some rank is gone.
    package var hasLosses: Bool { seen.contains { $0?.lost != nil } }

    /// Whether a rank is known to be gone.
    package func hasLost(_ rank: Int) -> Bool { seen[rank]?.lost != nil }

    /// Whether a rank has said that it is done.
    package func hasFinished(_ rank: Int) -> Bool { seen[rank]?.message.phase == .finished }

    /// Seconds since a rank was last heard; `nil` if never.
    package func silence(of rank: Int, at now: Double) -> Double? {
        seen[rank].map { now - $0.heard }
    }

    /// Seconds without progress after which users are told.
    package var patience: Double {
        let sorted = stepSeconds.sorted()
        let median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        return max(settings.minimumStallSeconds, 5 * median)
    }

    /// What to say now. `nil` while the run moves, or while nobody waits for anybody.
    package mutating func check(at now: Double) -> Notice? {
        if hasLosses { return checkLosses(at: now) }
        let idle = now - lastProgress
        let isOver = idle >= settings.timeoutSeconds
        guard isOver || idle >= patience, let stall = stall(at: now) else { return nil }
        let text = "\(time): \(stall.text)"
        if isOver, stall.endsRun {
            return .end(
                "\(text); look after that host, then \(advice) "
                    + "(ddp_timeout sets how long to wait)")
        }
        guard idle >= nextWarning else { return nil }
        nextWarning = 2 * idle
        return .warning(text)
    }

    /// Lost ranks are told after a moment, in which the launcher may end this rank too: then the
    /// whole run was ended from outside and there is nothing to tell.
    private mutating func checkLosses(at now: Double) -> Notice? {
        let lost = seen.compactMap(\.self).filter { now - ($0.lost ?? now) >= settings.lossDelay }
        guard let first = lost.min(by: { ($0.lost ?? 0) < ($1.lost ?? 0) }) else { return nil }
        // A rank that failed by itself has said why. However late this one gets to judge, it tells a
        // loss before it ends.
        guard !hasToldLoss, !lost.contains(where: { $0.message.phase == .failed }) else {
            let isOver = now - (first.lost ?? now) >= settings.lossDelay + settings.lossGrace
            return isOver ? .end(nil) : nil
        }
        hasToldLoss = true
        let ranks = describeRanks(lost.map(\.message.rank), hosts: hosts)
        return .warning(
            "\(time): lost \(ranks), last seen in \(first.message.phase.name): killed or "
                + "crashed, perhaps for lack of memory; \(advice)")
    }

    /// What the run is doing, for messages.
    private var time: String {
        if isServing { return "while serving" }
        return step > 0 ? "step \(step)" : "before the first step"
    }

    private var isServing: Bool { seen.contains { $0?.message.phase == .serving } }

    /// What to do once the run has ended.
    private var advice: String {
        isServing ? "start it again" : "run again to resume from the last checkpoint"
    }

    /// Why the run stands still.
    private struct Stall {
        var text: String
        /// Whether it is to end at the timeout: reading data before the first step, which one rank
        /// may do for all, takes as long as it takes while the rank shows signs of life.
        var endsRun = true
    }

    /// Which ranks the run waits for.
    private func stall(at now: Double) -> Stall? {
        let known = seen.compactMap(\.self)
        let silent = known.filter {
            now - $0.heard > settings.silenceSeconds && $0.message.phase != .finished
        }
        if let first = silent.max(by: { $0.heard > $1.heard }) {
            return Stall(
                text: waiting(
                    for: silent, like: first, seconds: now - first.heard,
                    " (no sign of life since: the process is stopped or its host unreachable)"))
        }
        guard known.contains(where: \.message.isWaiting) else { return nil }
        let unheard = seen.indices.filter { seen[$0] == nil }
        if !unheard.isEmpty && known.allSatisfy(\.message.isWaiting) {
            return Stall(
                text: "waiting for \(describeRanks(unheard, hosts: hosts)), from which no "
                    + "heartbeat ever came (TCP between the hosts blocked?)")
        }
        let busy = known.filter { !$0.message.isWaiting && $0.message.phase != .finished }
        let candidates = busy.isEmpty ? known : busy
        let fewest = candidates.map(\.message.collectives).min() ?? 0
        let late = candidates.filter { $0.message.collectives == fewest }
        if busy.isEmpty && late.count == known.count {
            return Stall(
                text: "all ranks have waited in the same collective for "
                    + "\(Int(now - lastProgress)) s: no data moves between the hosts, check the "
                    + "network")
        }
        guard let first = late.max(by: { $0.message.secondsInPhase < $1.message.secondsInPhase })
        else { return nil }
        return Stall(
            text: waiting(
                for: late, like: first,
                seconds: first.message.secondsInPhase + now - first.heard, ""),
            endsRun: !late.allSatisfy(\.message.phase.isSettingUp))
    }

    private func waiting(
        for late: [Seen], like first: Seen, seconds: Double, _ remark: String
    ) -> String {
        let ranks = describeRanks(late.map(\.message.rank), hosts: hosts)
        let phase = first.message.phase.name
        return "waiting for \(ranks), last seen in \(phase) \(Int(seconds)) s ago\(remark)"
    }
}

/// How heartbeats are sent and judged.
package struct HeartbeatSettings: Equatable, Sendable {
    /// Seconds between two heartbeats of a rank.
    package var periodSeconds = 1.0
    /// A stall is reported after this many seconds, or five median steps if that is longer.
    package var minimumStallSeconds = 30.0
    /// Seconds without progress after which the run ends; the key `ddp_timeout`.
    package var timeoutSeconds = 1800.0
    /// Seconds between the loss of a rank and the report of it.
    package var lossDelay = 0.2
    /// Seconds the launcher has to end the run after a loss, before it ends itself.
    package var lossGrace = 5.0

    package init() {}

    /// - Parameter timeoutSeconds: the key `ddp_timeout`. Where it is shorter than the time after
    ///   which a stall is told, the stall is told by the line that ends the run.
    package init(timeoutSeconds: Double) {
        self.timeoutSeconds = timeoutSeconds
        minimumStallSeconds = min(minimumStallSeconds, timeoutSeconds)
    }

    package init(periodSeconds: Double, minimumStallSeconds: Double, timeoutSeconds: Double) {
        self.periodSeconds = periodSeconds
        self.minimumStallSeconds = minimumStallSeconds
        self.timeoutSeconds = timeoutSeconds
    }

    /// Seconds without a heartbeat after which a rank counts as silent.
    package var silenceSeconds: Double { max(periodSeconds * 5, minimumStallSeconds / 3) }
}
