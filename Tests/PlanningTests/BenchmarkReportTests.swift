import Foundation
import Planning
import TestSupport
import Testing
import Training

/// Records as scripts/benchmark.sh keeps them, and the table made of them.
@Suite struct BenchmarkReportTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let row =
        #"{"kind":"row","row":"a","order":1,"title":"GPT-2","date":"2026-01-02","commit":"abc"}"#

    private static func target(_ members: String) -> String {
        #"{"kind":"target","row":"a","name":"n","quantity":"tokensPerSecond","format":"rate","side":"lockstep""#
            + members + "}"
    }

    private static func run(_ side: String, _ pair: Int, _ rate: Double) -> String {
        #"{"kind":"run","row":"a","side":"\#(side)","name":"\#(side.uppercased())","pair":\#(pair),"#
            + #""result":{"tokensPerSecond":\#(rate),"peakMemory":2000000000,"torch":"2.13","#
            + #""parts":[{"seconds":1}]}}"#
    }

    private func report(_ lines: [String]) throws -> BenchmarkReport {
        try folder.write("records.jsonl", lines.joined(separator: "\n") + "\n")
        return BenchmarkReport(try BenchmarkRecord.read(folder.path("records.jsonl")))
    }

    @Test func theMedianIsTheMiddleOneOrTheMeanOfTwo() {
        #expect(BenchmarkReport.median([]) == nil)
        #expect(BenchmarkReport.median([3]) == 3)
        #expect(BenchmarkReport.median([9, 1, 4]) == 4)
        #expect(BenchmarkReport.median([9, 1, 4, 2]) == 3)
    }

    @Test func aRatioIsTheMedianOfThePairsNotTheRatioOfTheMedians() throws {
        // The machine was half as fast in the second turn, for both.
        let report = try report(
            [Self.row, Self.target(#","against":"peer","atLeast":1.9"#)]
                + [(1, 100.0, 200.0), (2, 50, 105), (3, 110, 209)].flatMap {
                    [Self.run("peer", $0.0, $0.1), Self.run("lockstep", $0.0, $0.2)]
                })
        let figure = report.rows[0].figures[0]
        #expect(figure.value == 200)
        #expect(figure.other == 100)
        #expect(figure.ratios == [2, 2.1, 1.9])
        #expect(figure.ratio == 2)
        #expect(figure.isReached == true)
    }

    @Test func aTurnThatOneSideMissedHasNoRatio() throws {
        let report = try report([
            Self.row, Self.target(#","against":"peer","atLeast":1.6"#),
            Self.run("peer", 1, 100), Self.run("lockstep", 1, 150), Self.run("lockstep", 2, 170),
        ])
        #expect(report.rows[0].figures[0].ratios == [1.5])
        #expect(report.rows[0].figures[0].isReached == false)
    }

    @Test func boundsHoldForScaledRatiosAndForOwnFigures() throws {
        func isReached(_ members: String) throws -> Bool? {
            let lines = [
                Self.row, Self.target(members), Self.run("peer", 1, 100),
                Self.run("lockstep", 1, 190),
            ]
            return try report(lines).rows[0].figures[0].isReached
        }
        #expect(try isReached(#","against":"peer","scale":0.5,"atLeast":0.95"#) == true)
        #expect(try isReached(#","against":"peer","scale":0.5,"atLeast":0.96"#) == false)
        #expect(try isReached(#","atMost":190"#) == true)
        #expect(try isReached(#","atMost":189"#) == false)
        #expect(try isReached(#","against":"peer","judgesValue":true,"atLeast":190"#) == true)
        #expect(try isReached(#","against":"peer""#) == nil)
    }

    @Test func withoutPeersNothingIsReachedOrMissed() throws {
        let report = try report([
            Self.row, Self.target(#","against":"peer","atLeast":1.6"#), Self.run("lockstep", 1, 9),
        ])
        #expect(report.rows[0].figures[0].isReached == nil)
        #expect(report.rows[0].figures[0].value == 9)
    }

    @Test func theTableNamesMachineFiguresAndNotes() throws {
        let later = Self.row.replacing(#""a","order":1"#, with: #""b","order":0"#)
            .replacing("GPT-2", with: "first")
        try FileManager.default.createDirectory(
            atPath: folder.path("runs"), withIntermediateDirectories: false)
        try folder.write(
            "runs/x.jsonl",
            [
                #"{"kind":"fact","name":"processor","value":"EPYC, 2 cores"}"#, Self.row,
                Self.target(#","against":"peer","atLeast":1.6"#),
                Self.target(#","against":"peer","scale":0.5,"atLeast":0.95"#),
                #"{"kind":"target","row":"a","name":"memory","quantity":"peakMemory","#
                    + #""format":"bytes","side":"lockstep","atMost":1.8e9}"#,
                Self.run("peer", 1, 100), Self.run("lockstep", 1, 150),
                Self.run("peer", 2, 100), Self.run("lockstep", 2, 190),
                #"{"kind":"note","row":"a","text":"a turn failed"}"#,
            ].joined(separator: "\n"))
        try folder.write("runs/y.jsonl", later + "\n")
        let table = try BenchmarkReport.write(folder: folder.path)
        #expect(
            table == """
                # Benchmark

                - processor: EPYC, 2 cores

                Medians of 2 turns; a ratio is the median of the pairs' ratios, with the smallest and \
                the largest. 1 GB is 10⁹ bytes.

                | work | figure | Lockstep | beside | ratio | goal | reached |
                |---|---|---|---|---|---|---|
                | first |  |  |  |  |  |  |
                | GPT-2 | n | 170 tokens/s | PEER 100 tokens/s | 1.70 × (1.50–1.90) | ≥ 1.6 × | yes |
                |  | n | 170 tokens/s | PEER 100 tokens/s | 85.0 % (75.0–95.0) | ≥ 95 % | no |
                |  | memory | 2.00 GB |  |  | ≤ 1.80 GB | no |

                - GPT-2: a turn failed

                """)
        #expect(try folder.read("benchmark.md") == table)
        let json = try JSONDecoder().decode(
            BenchmarkReport.self, from: Data(folder.read("benchmark.json").utf8))
        #expect(json.rows.map(\.id) == ["b", "a"])
        #expect(json.rows[1].sides.map(\.medians["tokensPerSecond"]) == [100, 170])
        #expect(json.rows[1].sides[1].runs[2]?["tokensPerSecond"] == 190)
    }

    @Test func aBrokenLineIsNamed() throws {
        try folder.write("records.jsonl", Self.row + "\n{\"kind\": \"ro")
        let error = #expect(throws: TrainingError.self) {
            try BenchmarkRecord.read(folder.path("records.jsonl"))
        }
        #expect(
            error?.description.contains("records.jsonl, line 2: found '{\"kind\": \"ro'") == true)
        #expect(throws: TrainingError.self) { try BenchmarkReport.write(folder: folder.path) }
    }
}
