import Distributed
import Foundation
import Testing

struct SipHashTests {
    /// Key and input are the bytes 0, 1, 2, …; from the reference implementation of the authors
    /// (vectors.h, vectors_sip64) for 0, 8 and 16 bytes of input; the last also by
    /// `openssl mac -macopt size:8 SIPHASH`.
    @Test(
        arguments: [
            (0, 0x726f_db47_dd0e_0e31), (1, 0x93f5_f579_9a93_2462), (2, 0x3f2a_cc7f_57c2_9bdb),
        ] as [(Int, UInt64)])
    func hashesAreThoseOfTheReference(_ count: Int, _ expected: UInt64) {
        func word(_ first: UInt64) -> UInt64 {
            (0..<8).reduce(0) { $0 | (first + UInt64($1)) << (8 * UInt64($1)) }
        }
        let hash = SipHash(key: word(0), word(8))
        #expect(hash.hash((0..<count).map { word(UInt64($0) * 8) }) == expected)
    }
}

struct HeartbeatLinkTests {
    private let message = HeartbeatMessage(
        rank: 3, step: 812, phase: .backward, secondsInPhase: 1.5, progress: 77,
        collectives: 12345, isWaiting: true)

    /// Both ends of a connection, the challenge sent.
    private func pair(
        _ key: SipHash = SipHash(key: 1, 2), _ other: SipHash = SipHash(key: 1, 2)
    ) -> (connector: HeartbeatLink, acceptor: HeartbeatLink) {
        var connector = HeartbeatLink(to: 0, 5, key: key, now: 0)
        let acceptor = HeartbeatLink(from: 6, key: other, challenge: 99, now: 0)
        #expect(!connector.canSend, "nothing is said before the challenge")
        #expect(connector.take(acceptor.challengeText, size: 4) == .frames([]))
        return (connector, acceptor)
    }

    @Test func messagesSurviveTheWireInPieces() {
        var (connector, acceptor) = pair()
        let bytes = connector.encoded(.message(message))
        #expect(bytes.count == HeartbeatLink.frameBytes)
        #expect(acceptor.take(Array(bytes.prefix(40)), size: 4) == .frames([]))
        #expect(!acceptor.isProven)
        #expect(acceptor.take(Array(bytes.dropFirst(40)), size: 4) == .frames([.message(message)]))
        #expect(acceptor.isProven && acceptor.rank == 3)
    }

    @Test func theAcceptorsWelcomeProvesItToTheConnector() {
        var (connector, acceptor) = pair()
        _ = acceptor.take(connector.encoded(.message(message)), size: 4)
        #expect(!connector.isProven)
        #expect(connector.take(acceptor.encoded(.welcome), size: 4) == .frames([.welcome]))
        #expect(connector.isProven)
    }

    @Test func aStrangerWithoutTheKeyIsNotHeard() {
        var (connector, acceptor) = pair(SipHash(key: 1, 2), SipHash(key: 1, 3))
        #expect(acceptor.take(connector.encoded(.message(message)), size: 4) == .stranger)
        #expect(
            acceptor.take(
                Array("GET / HTTP/1.1\r\n\r\n".utf8) + Array(repeating: 0, count: 64),
                size: 4) == .stranger)
    }

    @Test func whatWasOverheardIsWorthNothing() {
        var (connector, acceptor) = pair()
        let bytes = connector.encoded(.message(message))
        var another = HeartbeatLink(from: 7, key: SipHash(key: 1, 2), challenge: 100, now: 0)
        #expect(another.take(bytes, size: 4) == .stranger, "on another connection")
        #expect(acceptor.take(bytes, size: 4) == .frames([.message(message)]))
        #expect(acceptor.take(bytes, size: 4) == .stranger, "once more on the same")
    }

    @Test func aFrameIsNotTakenForOneOfTheOtherWay() {
        var (connector, _) = pair()
        let bytes = connector.encoded(.message(message))
        #expect(connector.take(bytes, size: 4) == .stranger)
    }

    @Test func aChangedByteIsNoticed() {
        for place in 0..<HeartbeatLink.frameBytes {
            var (connector, acceptor) = pair()
            var bytes = connector.encoded(.message(message))
            bytes[place] ^= 1
            #expect(acceptor.take(bytes, size: 4) == .stranger)
        }
    }

    @Test func aRankThatTheRunHasNotIsAStranger() {
        var (connector, acceptor) = pair()
        #expect(acceptor.take(connector.encoded(.message(message)), size: 3) == .stranger)
    }

    @Test func aProgramThatSendsNoChallengeIsAStranger() {
        var connector = HeartbeatLink(to: 0, 5, key: SipHash(key: 1, 2), now: 0)
        #expect(connector.take(Array("SSH-2.0-OpenSSH_9".utf8), size: 4) == .stranger)
    }

    @Test func aFrameThatDidNotGoOutGivesItsNumberToTheNext() {
        var (connector, acceptor) = pair()
        _ = connector.encoded(.message(message))
        connector.unsend()
        let bytes = connector.encoded(.message(message))
        #expect(acceptor.take(bytes, size: 4) == .frames([.message(message)]))
    }
}

struct HeartbeatNetworkTests {
    private func address(_ text: String, _ bits: Int) -> InterfaceAddress {
        let bytes = text.split(separator: ".").compactMap { UInt32($0) }
        let number = bytes.reduce(0) { $0 << 8 | $1 }
        return InterfaceAddress(
            address: number.bigEndian, mask: (UInt32.max << (32 - UInt32(bits))).bigEndian)
    }

    @Test func hostsListenInTheNetworkThatAllShare() {
        let hosts = [
            [address("10.1.0.1", 24), address("192.168.7.4", 24), address("172.17.0.1", 16)],
            [address("10.1.0.2", 24), address("192.168.8.4", 24), address("172.17.0.1", 16)],
        ]
        #expect(HeartbeatNetwork.shared(hosts, by: 0) == [address("10.1.0.1", 24).address])
        #expect(HeartbeatNetwork.shared(hosts, by: 1) == [address("10.1.0.2", 24).address])
    }

    @Test func hostsMayShareSeveralNetworksOrNone() {
        let two = [address("10.1.0.1", 24), address("10.2.0.1", 24)]
        let other = [address("10.1.0.2", 24), address("10.2.0.2", 24)]
        #expect(HeartbeatNetwork.shared([two, other], by: 0) == two.map(\.address))
        #expect(HeartbeatNetwork.shared([two, other, [two[0]]], by: 2) == [])
        #expect(HeartbeatNetwork.shared([two, [address("10.9.0.1", 24)]], by: 0) == [])
        #expect(HeartbeatNetwork.shared([two, []], by: 0) == [])
    }

    @Test func strangersLeaveTheRunItsDescriptors() {
        #expect(HeartbeatNetwork.pendingLimit(ranks: 2, descriptors: 1024) == 32)
        #expect(HeartbeatNetwork.pendingLimit(ranks: 1000, descriptors: 1024) == 128)
        #expect(HeartbeatNetwork.pendingLimit(ranks: 2, descriptors: 256) == 32)
        #expect(HeartbeatNetwork.pendingLimit(ranks: 2, descriptors: 64) == 8)
        #expect(HeartbeatNetwork.pendingLimit(ranks: 2, descriptors: 8) == 4)
    }
}
