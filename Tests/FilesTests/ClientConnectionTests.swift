import Files
import Foundation
import Testing

@Suite struct ClientConnectionTests {
    /// Nobody listens on the port that nothing may use.
    @Test func aServerThatIsNotThereRefuses() {
        for family in [AF_UNSPEC, AF_INET] {
            #expect(throws: ClientConnection.Failure.refused(code: ECONNREFUSED)) {
                _ = try ClientConnection.open(
                    host: "127.0.0.1", port: 1, family: family, .init(sending: 5))
            }
        }
        #expect(throws: ClientConnection.Failure.unknownHost) {
            _ = try ClientConnection.open(
                host: "::1", port: 1, family: AF_INET, .init(sending: 5, receiving: 5))
        }
    }

    @Test func allBytesAreSentWhileTheOtherSideIsThere() throws {
        var ends: [Int32] = [0, 0]
        let made = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        try #require(made == 0)
        defer { close(ends[0]) }
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        #expect(ClientConnection.write(bytes, to: ends[0]))
        var found = [UInt8](repeating: 0, count: 2000)
        let count = recv(ends[1], &found, found.count, 0)
        #expect(count == 1000 && Array(found.prefix(1000)) == bytes)
        close(ends[1])
        #expect(!ClientConnection.write(bytes, to: ends[0]))
    }
}
