import Foundation
import Synchronization
import TestSupport
import Testing
import TextData

@Suite struct CorpusPreparationTests {
    private let folder = TestFolder()

    /// A corpus of several units: a long text, small files, JSON Lines, packed files.
    private func makeCorpus() -> [String] {
        for index in 0..<20 { folder.write("in/small/\(100 + index).txt", "small text \(index)") }
        folder.write("in/long.txt", readBytes(reference("story.txt")))
        folder.write("in/packed.txt.gz", readBytes(reference("story.txt.gz")))
        folder.write("in/packed.txt.zst", readBytes(reference("story.txt.zst")))
        let lines = (0..<500).map { "{\"text\": \"record number \($0)\"}\n" }.joined()
        folder.write("in/lines.jsonl", lines)
        return [folder("in")]
    }

    private func settings(_ settings: inout CorpusSettings) {
        settings.unitBytes = 6000
        settings.pieceBytes = 500
    }

    private func shards(_ output: String) -> [String: [UInt8]] {
        let names = folder.names(output).filter { $0.hasSuffix(".tokens") }
        return Dictionary(uniqueKeysWithValues: names.map { ($0, folder.bytes(output + "/" + $0)) })
    }

    @Test("One rank and three ranks, one thread and four write the same files")
    func filesDoNotDependOnRanksAndThreads() throws {
        let inputs = makeCorpus()
        let manifest = try prepare(inputs, to: folder("one"), settings)
        let expected = shards("one")
        #expect(expected.count > 12)
        #expect(manifest.totals.documents == 20 + 3 + 500)
        for (ranks, threads) in [(3, 1), (1, 4), (2, 3)] {
            let output = "out-\(ranks)-\(threads)"
            let other = try prepare(inputs, to: folder(output), ranks: ranks) {
                settings(&$0)
                $0.threads = threads
            }
            #expect(shards(output) == expected)
            #expect(other == manifest)
            #expect(folder.bytes(output + "/dataset.json") == folder.bytes("one/dataset.json"))
        }
    }

    @Test("Every unit belongs to one rank, and no rank has much more than its part")
    func sharesCoverAllUnits() throws {
        var settings = CorpusSettings()
        self.settings(&settings)
        let plan = try CorpusPreparation(
            inputs: makeCorpus(), output: folder("out"), encoder: byteEncoder, settings: settings
        ).plan()
        for ranks in [1, 2, 3, 7, 50] {
            let shares = plan.shares(ranks: ranks)
            #expect(shares.count == ranks)
            #expect(shares.flatMap { $0 }.map(\.index).sorted() == Array(plan.units.indices))
        }
        let loads = plan.shares(ranks: 2).map { $0.reduce(0) { $0 + $1.bytes } }
        #expect(loads.max()! < 2 * loads.min()!)
    }

    @Test("A preparation killed in the middle goes on and ends with identical bytes")
    func killedPreparationContinues() throws {
        let inputs = makeCorpus()
        try prepare(inputs, to: folder("whole"), settings)
        let expected = shards("whole")
        try prepare(inputs, to: folder("out"), settings)
        // As a kill leaves it: no manifest, shards missing, one half written under another name.
        let names = expected.keys.sorted()
        try FileManager.default.removeItem(atPath: folder("out/dataset.json"))
        try FileManager.default.removeItem(atPath: folder("out/" + names[2]))
        try FileManager.default.removeItem(atPath: folder("out/" + names[5]))
        folder.write("out/\(names[5]).4711.tmp", [0, 1, 2])
        folder.write("out/dataset.json.4711.tmp", "{")
        // And a shard that lost its end, as after a power failure.
        folder.write("out/" + names[7], Array(expected[names[7]]!.dropLast(10)))
        folder.write("out/unrelated.tmp", "mine")

        var settings = CorpusSettings()
        self.settings(&settings)
        let preparation = CorpusPreparation(
            inputs: inputs, output: folder("out"), encoder: byteEncoder, settings: settings)
        let plan = try preparation.plan()
        #expect(
            corpusError { () throws(CorpusError) in try preparation.finish(plan) }
                == .incomplete(
                    folder: folder("out"), missing: 3, units: names.count, first: names[2]))
        let report = try preparation.run(plan, rank: 0, ranks: 1)
        #expect(report.units == names.count)
        #expect(report.unitsSkipped == names.count - 3)
        let manifest = try preparation.finish(plan)
        #expect(report.counts == manifest.totals)
        #expect(shards("out") == expected)
        #expect(
            folder.names("out") == (names + ["dataset.json", "unrelated.tmp"]).sorted())
    }

    @Test("A complete preparation run again writes nothing; a changed input is read again")
    func onlyChangesAreDoneAgain() throws {
        let inputs = makeCorpus()
        try prepare(inputs, to: folder("out"), settings)
        var settings = CorpusSettings()
        self.settings(&settings)
        func run(_ encoder: TokenEncoder = byteEncoder) throws -> (Int, CorpusPlan) {
            let preparation = CorpusPreparation(
                inputs: inputs, output: folder("out"), encoder: encoder, settings: settings)
            let plan = try preparation.plan()
            let report = try preparation.run(plan, rank: 0, ranks: 1)
            try preparation.finish(plan)
            return (report.units - report.unitsSkipped, plan)
        }
        #expect(try run().0 == 0)
        folder.write("in/small/119.txt", "other text 19")
        let (redone, plan) = try run()
        let changed = plan.units.filter {
            $0.segments.contains { $0.file.name.hasSuffix("119.txt") }
        }
        #expect(redone == changed.count)
        #expect(try documents(folder("out")).contains("other text 19"))
        settings.textField = "text2"
        #expect(throws: CorpusError.self) { try run() }
        settings.textField = "text"
        let other = TokenEncoder(
            endOfText: 256, vocabularySize: 257, tokenizerHash: 2, encode: byteEncoder.encode)
        #expect(try run(other).0 == plan.units.count)
    }

    @Test("Shards and manifest of another corpus do not stay beside the new ones")
    func staleShardsAreRemoved() throws {
        try prepare(makeCorpus(), to: folder("out"), settings)
        let small = folder.write("small.txt", "just this")
        var settings = CorpusSettings()
        self.settings(&settings)
        let preparation = CorpusPreparation(
            inputs: [small], output: folder("out"), encoder: byteEncoder, settings: settings)
        let plan = try preparation.plan()
        _ = try preparation.run(plan, rank: 0, ranks: 1)
        #expect(!folder.names("out").contains("dataset.json"), "gone before the first new shard")
        try preparation.finish(plan)
        #expect(folder.names("out") == ["dataset.json", "shard-000000.tokens"])
        #expect(try documents(folder("out")) == ["just this"])
    }

    @Test("A corpus without a letter is an error and leaves nothing behind")
    func corpusWithoutLettersIsAnError() {
        folder.write("in/a.txt", "12 34\n")
        folder.write("in/b.jsonl", "{\"text\": \"...\"}\n\n")
        #expect(
            corpusError { () throws(CorpusError) in try prepare([folder("in")], to: folder("out")) }
                == .emptyCorpus(folder("in")))
        #expect(!FileManager.default.fileExists(atPath: folder("out")))
    }

    @Test("An output that cannot be a folder is an error naming it")
    func badOutputIsAnError() {
        let input = folder.write("a.txt", "text")
        let error = corpusError { () throws(CorpusError) in
            try prepare([input], to: folder("a.txt/out"))
        }
        #expect(error == .system(call: "mkdir", code: ENOTDIR, file: folder("a.txt/out")))
        #expect(
            corpusError { () throws(CorpusError) in try prepare([input], to: input) }
                == .system(call: "mkdir", code: ENOTDIR, file: input))
    }

    @Test("An id outside the vocabulary stops the preparation")
    func idOutsideTheVocabulary() {
        let path = folder.write("a.txt", "text")
        for id in [Int32(300), -1] {
            let encoder = TokenEncoder(endOfText: 0, vocabularySize: 300, tokenizerHash: 1) { _ in
                [5, id]
            }
            let error = corpusError { () throws(CorpusError) in
                try prepare([path], to: folder("out"), encoder: encoder)
            }
            #expect(error == .tokenOutOfRange(id: id, vocabularySize: 300, file: path))
            #expect(folder.names("out") == [])
        }
    }

    @Test("Settings that make no sense are refused")
    func badSettings() {
        let path = folder.write("a.txt", "text")
        func name(_ change: (inout CorpusSettings) -> Void) -> String? {
            let error = corpusError { () throws(CorpusError) in
                try prepare([path], to: folder("out"), change)
            }
            guard case .setting(let name, _, _) = error else { return nil }
            return name
        }
        #expect(name { $0.threads = 0 } == "threads")
        #expect(name { $0.pieceBytes = 1 } == "piece_bytes")
        #expect(name { $0.unitBytes = 0 } == "unit_bytes")
        #expect(name { $0.textField = "" } == "text_field")
        let encoder = TokenEncoder(endOfText: 9, vocabularySize: 9, tokenizerHash: 1) { _ in [] }
        #expect(
            corpusError { () throws(CorpusError) in
                try prepare([path], to: folder("out"), encoder: encoder)
            } != nil)
    }

    @Test("Progress never goes back and ends with everything")
    func progressIsTold() throws {
        let told = Mutex<[PreparationProgress]>([])
        var settings = CorpusSettings()
        self.settings(&settings)
        settings.threads = 3
        let preparation = CorpusPreparation(
            inputs: makeCorpus(), output: folder("out"), encoder: byteEncoder, settings: settings)
        let plan = try preparation.plan()
        let report = try preparation.run(plan, rank: 0, ranks: 1) { progress in
            told.withLock { $0.append(progress) }
        }
        let all = told.withLock { $0 }
        #expect(all.count > plan.units.count)
        for (before, after) in zip(all, all.dropFirst()) {
            #expect(before.bytesDone <= after.bytesDone && before.unitsDone <= after.unitsDone)
        }
        let last = try #require(all.last)
        #expect(last.bytesDone == plan.bytes && last.bytesTotal == plan.bytes)
        #expect(last.unitsDone == plan.units.count && last.unitsTotal == plan.units.count)
        #expect(last.tokens == report.counts.tokens)
    }
}
