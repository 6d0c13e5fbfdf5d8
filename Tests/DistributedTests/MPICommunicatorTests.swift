import Foundation
import Testing

/// Runs under real mpirun; what each rank checks is in DistributedTestDriver.
@Suite(.serialized) struct MPICommunicatorTests {
    @Test(arguments: 1...4)
    func sumsAreExactAndTicketsMayBeWaitedForInAnyOrder(ranks: Int) throws {
        try expectAllFinish("sums", ranks)
    }

    @Test(arguments: 1...4)
    func slicesAreReducedAndGatheredInPlace(ranks: Int) throws {
        try expectAllFinish("slices", ranks)
    }

    // As on hosts of one rank each, or where ranks may not read each other's memory.
    @Test(arguments: ["sums", "slices", "volume"], [2, 3, 5])
    func ranksThatDoNotReadEachOthersMemorySendMessages(scenario: String, ranks: Int) throws {
        _ = try expectAllFinish("\(scenario)@1", ranks)
    }

    @Test(arguments: 1...4)
    func textsBytesAndNumbersReachEveryRank(ranks: Int) throws {
        try expectAllFinish("texts", ranks)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7])
    func sumsByBFloat16RoundSummandsAndSumOnceWhateverTheNumberOfRanks(ranks: Int) throws {
        try expectAllFinish("narrow", ranks)
    }

    @Test(arguments: 1...4)
    func slicesReducedByBFloat16AreNotRoundedAfterwards(ranks: Int) throws {
        try expectAllFinish("narrow-slices", ranks)
    }

    @Test(arguments: 2...7)
    func sumsSendNoMoreThanTheyMustWhateverTheNumberOfRanks(ranks: Int) throws {
        try expectAllFinish("volume", ranks)
    }

    /// Two hosts of two and of three ranks, three of two, and hosts that hold unequal numbers.
    @Test(arguments: [(4, 2), (6, 3), (6, 2), (5, 2), (3, 2)])
    func sumsThroughSeveralHostsAreRightAndTheSameEverywhere(ranks: Int, onHost: Int) throws {
        for scenario in ["equal", "sums", "slices"] {
            try expectAllFinish("\(scenario)@\(onHost)", ranks)
        }
    }

    @Test(arguments: [2, 3, 5])
    func lookupsOfATableAreSummedRowByRow(ranks: Int) throws {
        try expectAllFinish("tables", ranks)
    }

    @Test(arguments: [1, 2, 3])
    func sharedMastersAreReadByAllAndCompletedBitForBit(ranks: Int) throws {
        try expectAllFinish("masters", ranks)
    }

    /// Ranks of one host, and as many hosts of one rank each, which cannot read each other.
    @Test(
        arguments: [2, 3],
        ["snapshots", "snapshots@1", "whole-parameters", "whole-parameters@1"]
    )
    func snapshotsOfDividedArraysAreThoseOfWholeOnes(ranks: Int, scenario: String) throws {
        try expectAllFinish(scenario, ranks)
    }

    /// Arrays as a second device would have them: the host works on copies, which it puts back.
    @Test(arguments: ["tables", "masters", "snapshots", "whole-parameters"])
    func arraysMayLieWhereTheHostHasCopiesOnly(scenario: String) throws {
        try expectAllFinish("far-" + scenario, 2)
    }

    @Test(arguments: [2, 3])
    func ranksAgreeOnWhetherSumsPayBesideComputation(ranks: Int) throws {
        try expectAllFinish("overlap-probe", ranks)
    }

    @Test func betweenHostsOfSeveralRanksBFloat16RoundsNoMoreOften() throws {
        try expectAllFinish("narrow-slices@2", 4)
        try expectAllFinish("narrow@2", 5)
    }

    @Test func treeSumHasTheSameBitsOnOneTwoFourAndEightRanks() throws {
        var bits: Set<String> = []
        for ranks in [1, 2, 4, 8] {
            let run = try expectAllFinish("tree", ranks)
            bits.formUnion(
                run.output.split(separator: "\n").map(String.init).filter {
                    $0.hasPrefix("bits ")
                })
        }
        #expect(bits.count == 1, "\(bits)")
    }

    @Test func treeSumOnThreeRanksIsRefusedOnce() throws {
        let run = try MPIRun(ranks: 3, "tree")
        #expect(run.status == 2)
        #expect(run.messages.count == 1)
        #expect(run.messages.first?.contains("needs 1, 2, 4, 8") == true)
    }

    @Test(arguments: 2...3)
    func waitingForALateRankIsNotCountedAsTransfer(ranks: Int) throws {
        try expectAllFinish("waiting", ranks)
    }

    @Test func aDroppedTicketWaitsForItsSum() throws {
        try expectAllFinish("dropped", 2)
    }

    @Test(arguments: 2...3)
    func differentCallsEndTheRunAndAreNamed(ranks: Int) throws {
        let run = try MPIRun(ranks: ranks, "mismatch")
        #expect(run.status == 1)
        #expect(run.messages.count == 1, "\(run.errors)")
        let message = run.messages.first ?? ""
        #expect(message.contains("sum of 100 floats"), "\(message)")
        #expect(message.contains("sum of 200 floats as call 2 on rank \(ranks - 1)"), "\(message)")
    }

    @Test func linkProbeReportsEveryRankAndSize() throws {
        let run = try MPIRun(ranks: 2, "probe")
        #expect(run.status == 0, "\(run.errors)")
        let json = run.output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect((report["places"] as? [Any])?.count == 2)
        #expect((report["links"] as? [Any])?.count == 1)
        #expect((report["sums"] as? [Any])?.count == 5)
        #expect((report["library"] as? String)?.hasPrefix("Open MPI") == true)
    }

    @discardableResult
    private func expectAllFinish(_ scenario: String, _ ranks: Int) throws -> MPIRun {
        let run = try MPIRun(ranks: ranks, scenario)
        #expect(run.status == 0, "\(scenario) on \(ranks): \(run.errors)")
        #expect(run.finishedRanks == Array(0..<ranks), "\(scenario) on \(ranks): \(run.output)")
        return run
    }
}
