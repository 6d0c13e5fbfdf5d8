import Foundation

/// One connection of the heartbeat, on which both ends prove with every frame that they belong to
/// the run.
///
/// Who accepts a connection sends a challenge: a magic word and a random number. From then on each
/// way carries frames of eight words, the first of them the SipHash of the challenge, the way, the
/// frame's number and the other seven: it takes the run's key, which ranks got over MPI and which
/// never travels here, and a frame that was overheard is worth nothing later. The key proves who
/// speaks; it hides nothing.
package struct HeartbeatLink {
    /// What a frame can be.
    package enum Frame: Equatable {
        case message(HeartbeatMessage)
        /// The acceptor has found the other end to be of this run.
        case welcome
    }

    /// What was found in the bytes that came in.
    package enum Finding: Equatable {
        case frames([Frame])
        /// The other end is a stranger, or the bytes are out of step.
        case stranger
    }

    package static let challengeBytes = 16
    package static let frameBytes = 64
    private static let magic: UInt64 = 0x3254_4245_4b43_4f4c  // LOCKEBT2
    private static let welcome: UInt64 = 2

    let descriptor: Int32
    /// Known from the first message, or from the start towards a watcher.
    package var rank: Int?
    let isOutgoing: Bool
    /// When it came about.
    let opened: Double
    /// Whether the other end has shown that it belongs to the run.
    package private(set) var isProven = false
    private let key: SipHash
    private var challenge: UInt64?
    private var buffer: [UInt8] = []
    private var sent: UInt64 = 0
    private var received: UInt64 = 0

    /// A connection to a watcher.
    package init(to rank: Int, _ descriptor: Int32, key: SipHash, now: Double) {
        self.init(descriptor, rank: rank, isOutgoing: true, key, now)
    }

    /// A connection from somebody, who is asked to prove himself by `challengeText`.
    package init(from descriptor: Int32, key: SipHash, challenge: UInt64, now: Double) {
        self.init(descriptor, rank: nil, isOutgoing: false, key, now)
        self.challenge = challenge
    }

    private init(
        _ descriptor: Int32, rank: Int?, isOutgoing: Bool, _ key: SipHash, _ now: Double
    ) {
        self.descriptor = descriptor
        self.rank = rank
        self.isOutgoing = isOutgoing
        self.key = key
        opened = now
    }

    /// Whether this end knows the challenge and so can send.
    package var canSend: Bool { challenge != nil && (isOutgoing || isProven) }

    /// What the acceptor sends first.
    package var challengeText: [UInt8] { Self.bytes([Self.magic, challenge ?? 0]) }

    /// The next frame of this end.
    package mutating func encoded(_ frame: Frame) -> [UInt8] {
        var words: [UInt64]
        switch frame {
        case .message(let message): words = message.words
        case .welcome:
            words = Array(repeating: 0, count: HeartbeatMessage.wordCount)
            words[words.count - 1] = Self.welcome
        }
        let tag = tag(words, number: sent, fromConnector: isOutgoing)
        sent += 1
        return Self.bytes([tag] + words)
    }

    /// Notes that the frame made last has not gone out, so that the next takes its number.
    package mutating func unsend() { sent -= 1 }

    /// Takes in what arrived.
    /// - Parameter size: ranks of the run.
    package mutating func take(_ bytes: [UInt8], size: Int) -> Finding {
        buffer += bytes
        if challenge == nil {
            guard buffer.count >= Self.challengeBytes else { return .frames([]) }
            let words = Self.words(buffer.prefix(Self.challengeBytes))
            buffer.removeFirst(Self.challengeBytes)
            guard words[0] == Self.magic else { return .stranger }
            challenge = words[1]
        }
        var frames: [Frame] = []
        while buffer.count >= Self.frameBytes {
            let words = Self.words(buffer.prefix(Self.frameBytes))
            buffer.removeFirst(Self.frameBytes)
            let body = Array(words.dropFirst())
            guard tag(body, number: received, fromConnector: !isOutgoing) == words[0] else {
                return .stranger
            }
            received += 1
            isProven = true
            if body.last == Self.welcome {
                frames.append(.welcome)
            } else {
                guard let message = HeartbeatMessage(words: body, size: size) else {
                    return .stranger
                }
                rank = message.rank
                frames.append(.message(message))
            }
        }
        return .frames(frames)
    }

    private func tag(_ words: [UInt64], number: UInt64, fromConnector: Bool) -> UInt64 {
        key.hash([challenge ?? 0, fromConnector ? 1 : 0, number] + words)
    }

    private static func bytes(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
        }
    }

    private static func words(_ bytes: ArraySlice<UInt8>) -> [UInt64] {
        stride(from: bytes.startIndex, to: bytes.endIndex, by: 8).map {
            SipHash.word(bytes[$0..<$0 + 8])
        }
    }
}
