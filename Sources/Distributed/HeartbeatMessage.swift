import Foundation

/// Where a rank is in its step.
package enum Phase: UInt8, CaseIterable, Sendable {
    case starting, loading, dataLoad, forward, backward, reduce, update, evaluate, saving
    /// Answering requests, for as long as they come.
    case serving
    /// Done; nobody waits for the rank any more.
    case finished
    /// Ending because of an error that the rank itself has printed.
    case failed

    /// Whether the run is still being set up, which may take ranks very different times.
    var isSettingUp: Bool { self == .starting || self == .loading }

    /// Whether the rank has left the run.
    var isOver: Bool { self == .finished || self == .failed }

    /// The name in messages.
    package var name: String {
        switch self {
        case .dataLoad: "data-load"
        default: "\(self)"
        }
    }
}

/// What one rank says about itself every second.
package struct HeartbeatMessage: Equatable, Sendable {
    package var rank: Int
    package var step: Int
    package var phase: Phase
    /// Seconds since the rank came to this phase of this step.
    package var secondsInPhase: Double
    /// Grows with every phase; tells progress from standing still.
    package var progress: Int
    /// Collectives the rank has ended.
    package var collectives: Int
    /// Whether its step is blocked on a collective, that is on other ranks.
    package var isWaiting: Bool

    package init(
        rank: Int, step: Int, phase: Phase, secondsInPhase: Double, progress: Int,
        collectives: Int, isWaiting: Bool
    ) {
        self.rank = rank
        self.step = step
        self.phase = phase
        self.secondsInPhase = secondsInPhase
        self.progress = progress
        self.collectives = collectives
        self.isWaiting = isWaiting
    }

    /// Words of an encoded message.
    static let wordCount = 7

    /// The message as numbers.
    package var words: [UInt64] {
        [
            UInt64(rank), UInt64(bitPattern: Int64(step)), UInt64(phase.rawValue),
            secondsInPhase.bitPattern, UInt64(progress), UInt64(collectives), isWaiting ? 1 : 0,
        ]
    }

    /// Reads a message's numbers; `nil` where they make no sense in a run of `size` ranks.
    package init?(words: [UInt64], size: Int) {
        guard words.count == Self.wordCount, words[0] < UInt64(size), words[2] <= 255,
            let phase = Phase(rawValue: UInt8(words[2])), words[4] < 1 << 62, words[5] < 1 << 62,
            words[6] <= 1
        else { return nil }
        self.init(
            rank: Int(words[0]), step: Int(Int64(bitPattern: words[1])), phase: phase,
            secondsInPhase: Double(bitPattern: words[3]), progress: Int(words[4]),
            collectives: Int(words[5]), isWaiting: words[6] == 1)
    }
}
