import Foundation

/// Where a rank is in its step.
package enum Phase: UInt8, CaseIterable, Sendable {
    case starting, loading, dataLoad, forward, backward, reduce, update, evaluate, saving
    /// Done; nobody waits for the rank any more.
    case finished
    /// Ending because of an error that the rank itself has printed.
    case failed

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

    /// Bytes of an encoded message.
    package static let byteCount = 64

    /// Eight little-endian words, the first of them the run's.
    package func encoded(run: UInt64) -> [UInt8] {
        let words: [UInt64] = [
            run, UInt64(rank), UInt64(bitPattern: Int64(step)), UInt64(phase.rawValue),
            secondsInPhase.bitPattern, UInt64(progress), UInt64(collectives), isWaiting ? 1 : 0,
        ]
        return words.flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
        }
    }

    /// Reads an encoded message; `nil` for strangers' and other runs' ones.
    package init?(_ bytes: [UInt8], run: UInt64, size: Int) {
        guard bytes.count == Self.byteCount else { return nil }
        let words = (0..<8).map { word in
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[word * 8 + $1]) << (8 * UInt64($1)) }
        }
        guard words[0] == run, words[1] < UInt64(size), words[3] <= 255,
            let phase = Phase(rawValue: UInt8(words[3])), words[5] < 1 << 62, words[6] < 1 << 62
        else { return nil }
        self.init(
            rank: Int(words[1]), step: Int(Int64(bitPattern: words[2])), phase: phase,
            secondsInPhase: Double(bitPattern: words[4]), progress: Int(words[5]),
            collectives: Int(words[6]), isWaiting: words[7] == 1)
    }
}
