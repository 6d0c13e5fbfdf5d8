import Distributed
import Planning
import Testing

/// Costs of sums against arithmetic on paper.
@Suite struct CommunicationModelTests {
    static let mebibyte = 1_048_576.0
    static let unlimited = Double.infinity

    private func model(
        nodes: Int, ranksPerNode: Int = 1, between: LinkModel, within: LinkModel? = nil,
        reductionRate: Double = unlimited
    ) -> CommunicationModel {
        CommunicationModel(
            layout: RankLayout(nodes: nodes, ranksPerNode: ranksPerNode),
            within: within ?? Self.bare(1e10), between: between, reductionRate: reductionRate)
    }

    /// A link that costs nothing but its bytes.
    private static func bare(_ bytesPerSecond: Double) -> LinkModel {
        LinkModel(latency: 0, rendezvous: 0, bytesPerSecond: bytesPerSecond)
    }

    @Test func aMessageCostsLatencyRendezvousAndBytes() {
        let link = LinkModel.ethernet(gigabits: 10, latency: 30e-6, bytesPerSecondOfRank: 1e9)
        #expect(link.seconds(0) == 0)
        // 10 Gb/s · 0.94 / 8 = 1.175 GB/s, but a rank moves 1 GB/s.
        #expect(isClose(link.seconds(1000), 31e-6))
        #expect(isClose(link.seconds(1_000_000), 90e-6 + 1e-3))
        // Two ranks get 0.5875 GB/s each.
        #expect(isClose(link.seconds(1_000_000, sharers: 2), 90e-6 + 1e6 / 0.5875e9))
    }

    @Test func measuredPointsBecomeALine() throws {
        let points = [(8, 25e-6), (1_000_000, 9.0e-3), (4_000_000, 33.0e-3)].map {
            LinkReport.Point(bytes: $0.0, seconds: $0.1)
        }
        let link = try #require(LinkModel(points: points))
        #expect(isClose(link.bytesPerSecond, 125e6) && link.latency == 25e-6)
        #expect(isClose(link.rendezvous, 1e-3 - 25e-6))
        #expect(isClose(link.seconds(2_000_000), 17e-3))
        #expect(LinkModel(points: Array(points.prefix(1))) == nil)
    }

    @Test func fourRanksHalveTwice() {
        let link = LinkModel(latency: 1e-4, rendezvous: 2e-4, bytesPerSecond: 1e9)
        let model = model(nodes: 4, between: link, reductionRate: 4e9)
        let (half, quarter) = (524_288.0, 262_144.0)
        let paper = 4 * 3e-4 + 2 * (half + quarter) / 1e9 + (half + quarter) / 4e9
        #expect(isClose(model.sum(Self.mebibyte), paper))
        #expect(isClose(model.sum(3 * Self.mebibyte), 3 * paper))
        // 8 KiB go whole, without rendezvous: L (α + nβ + nγ).
        #expect(isClose(model.sum(8192), 2 * (1e-4 + 8192 / 1e9 + 8192 / 4e9)))
    }

    @Test func threeRanksPassAThirdFourTimes() {
        let link = LinkModel(latency: 1e-4, rendezvous: 2e-4, bytesPerSecond: 1e9)
        let model = model(nodes: 3, between: link, reductionRate: 4e9)
        let third = 4 * Self.mebibyte / 3
        let paper = 4 * (3e-4 + third / 1e9) + 2 * third / 4e9
        #expect(isClose(model.sum(4 * Self.mebibyte), paper))
        #expect(isClose(model.reduceScatter(4 * Self.mebibyte), paper / 2 + third / 4e9))
        #expect(isClose(model.allGather(4 * Self.mebibyte), paper / 2 - third / 4e9))
    }

    @Test(arguments: [2, 3, 4, 5, 6, 7, 8, 12, 16, 48, 100, 1024])
    func everyNumberOfNodesSendsTheLeastPossible(nodes: Int) {
        let model = model(nodes: nodes, between: Self.bare(1e9))
        let bytes = 64 * Self.mebibyte
        let least = 2 * Double(nodes - 1) / Double(nodes) * bytes / 1e9
        #expect(isClose(model.sum(bytes), least))
        #expect(isClose(model.reduceScatter(bytes) + model.allGather(bytes), least))
    }

    @Test func aNodesLinkCarriesEveryNumberOnce() {
        // 2 nodes of 4 ranks: 3/4 n down and up inside at 10 GB/s, then n/4 for each of four
        // ranks that share 1 GB/s, of which each sends half, twice.
        let model = model(nodes: 2, ranksPerNode: 4, between: Self.bare(1e9))
        let bytes = 4 * Self.mebibyte
        #expect(isClose(model.sum(bytes), 2 * 0.75 * bytes / 1e10 + bytes / 1e9))
        #expect(
            isClose(
                model.reduceScatter(bytes) + model.allGather(bytes),
                2 * 0.75 * bytes / 1e10 + bytes / 1e9))
    }

    @Test func ranksOfOneNodeNeedNoLink() {
        let model = model(nodes: 1, ranksPerNode: 4, between: Self.bare(1))
        #expect(isClose(model.sum(Self.mebibyte), 1.5 * Self.mebibyte / 1e10))
    }

    @Test func bfloat16SendsHalf() {
        for nodes in [2, 3, 8, 48] {
            let model = model(nodes: nodes, between: Self.bare(1e9))
            let bytes = 16 * Self.mebibyte
            #expect(isClose(model.sum(bytes, narrow: true), model.sum(bytes) / 2))
            #expect(
                isClose(model.reduceScatter(bytes, narrow: true), model.reduceScatter(bytes) / 2))
        }
    }

    @Test func latencyGrowsWithTheLogarithm() {
        let link = LinkModel(latency: 1e-5, rendezvous: 0, bytesPerSecond: Self.unlimited)
        func control(_ nodes: Int) -> Double { model(nodes: nodes, between: link).control }
        // Two meetings of 2 L hops, an all-reduce and a broadcast of L.
        #expect(isClose(control(2), 6e-5) && isClose(control(16), 24e-5))
        #expect(control(1) == 0)
    }

    @Test func oneRankSumsForNothing() {
        let model = model(nodes: 1, between: Self.bare(1))
        #expect(model.sum(1e9) == 0 && model.reduceScatter(1e9) == 0 && model.allGather(1e9) == 0)
        #expect(model.treeSum(1e9) == 0 && model.meeting == 0)
    }
}

/// Whether two numbers agree to nine digits.
func isClose(_ a: Double, _ b: Double) -> Bool {
    abs(a - b) <= 1e-9 * max(abs(a), abs(b))
}
