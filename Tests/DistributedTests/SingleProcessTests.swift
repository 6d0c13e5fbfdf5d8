import Distributed
import Foundation
import Testing

struct SingleProcessTests {
    private let communicator = SingleProcess(hostName: "here")

    @Test func everySumIsItsOwnResult() throws {
        var numbers: [Float] = [1, -2, 3]
        try numbers.withUnsafeMutableBufferPointer { buffer in
            try communicator.beginSum(buffer).wait()
            try communicator.beginSum(buffer, order: .tree, wire: .float32).wait()
            try communicator.reduceScatter(buffer, counts: [3], offsets: [0])
            try communicator.allGather(buffer: buffer, counts: [3], offsets: [0])
            try communicator.broadcast(buffer: buffer, from: 0)
        }
        #expect(numbers == [1, -2, 3])
        var doubles = [0.1, 0.2]
        try communicator.sum(&doubles)
        try communicator.broadcast(&doubles, from: 0)
        #expect(doubles == [0.1, 0.2])
        var bytes: [UInt8] = [7]
        try communicator.broadcast(bytes: &bytes, from: 0)
        #expect(bytes == [7])
        #expect(try communicator.allGather("text") == ["text"])
    }

    @Test func maximumTakesNaNForInfinityAsWithManyRanks() throws {
        var values = [1, .nan, -3]
        try communicator.maximum(&values)
        #expect(values == [1, .infinity, -3])
    }

    @Test func anErrorIsThrownWithItsPlace() {
        #expect(throws: CommunicationError.agreed(message: "no shard", rank: 0, host: "here")) {
            try communicator.agree(on: "no shard")
        }
    }

    @Test func theHeartbeatHasNobodyToTalkTo() throws {
        let heartbeat = try Heartbeat(
            communicator: communicator, settings: HeartbeatSettings(),
            response: .init(
                warn: { Issue.record("warned: \($0)") }, end: { _ in Issue.record("ended") }))
        heartbeat.enter(.forward, step: 1)
        heartbeat.stop()
    }

    @Test func theLinkProbeWorksAlone() throws {
        let report = try LinkProbe.run(on: communicator, sumBytes: [1024], repetitions: 1)
        #expect(report.hosts == ["here"])
        #expect(report.links.isEmpty)
        #expect(report.places[0].allowedProcessors >= 1)
        #expect(report.places[0].memory > report.places[0].availableMemory)
        #expect(report.places[0].availableMemory > 0)
        #expect(report.busBandwidth(of: report.sums[0]) == 0)
    }
}
