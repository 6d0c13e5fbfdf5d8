import Datasets
import Foundation
import Templates
import Testing
import TextData
import Tokenizers

/// Encoded conversations in a file.
@Suite struct TokenizedFileTests {
    private let sample = TokenizedSample()

    @Test(arguments: InstructionSettings.Packing.all)
    func examplesOfAFileAreThoseThatWereEncoded(_ packing: InstructionSettings.Packing) throws {
        try sample.withFolder { folder in
            var settings = sample.settings(folder)
            settings.packing = packing
            settings.evaluationDatasets = ["c.json", "b.json"]
            settings.evaluatesEach = true
            settings.predicts = true
            let rows = try sample.rows(settings)
            let dataset = try InstructionDataset(rows, rows.encoded(0..<rows.count))
            try TokenizedFile.write(dataset, of: rows, to: folder + "/kept")
            let file = try #require(try sample.open(folder))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder + "/kept").count == 1)
            let examples = try InstructionExamples(file, for: settings)
            #expect(examples.training.count == dataset.training.count)
            #expect(
                (0..<examples.training.count).map { examples.training[$0] } == dataset.training)
            #expect(
                (0..<examples.evaluation.count).map { examples.evaluation[$0] }
                    == dataset.evaluation)
            #expect(examples.predictions == dataset.predictions && dataset.predictions.count == 13)
            #expect(examples.parts == dataset.parts && dataset.parts.map(\.name).count == 2)
            #expect(examples.lines == dataset.report.lines && !examples.lines.isEmpty)
            #expect((dataset.training[0].segments != nil) == (packing == .neat))

            // A batch has the same numbers, whether its samples are in memory or in the file.
            let memory = try InstructionExamples(dataset, for: settings)
            for (a, b) in [
                (examples.training, memory.training), (examples.evaluation, memory.evaluation),
            ] {
                let places = 1..<a.count
                let sources = [a, b].map { $0.samples(places, longest: 64) }
                #expect(sources[0].count == places.count)
                var batches: [TokenBatch] = []
                for source in sources {
                    let longest = (0..<source.count).map(source.length).max() ?? 1
                    var batch = TokenBatch(
                        rows: source.count, columns: source.columns(forLongest: longest),
                        hasSegments: source.hasSegments)
                    for row in 0..<source.count {
                        try source.fill(row: row, of: &batch, with: row)
                    }
                    batches.append(batch)
                }
                #expect(batches[0] == batches[1] && batches[0].tokenCount > 0)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 5, 40])
    func sharesOfRanksMakeTheSameExamplesAsOneRank(_ ranks: Int) throws {
        try sample.withFolder { folder in
            for predicts in [false, true] {
                var settings = sample.settings(folder)
                settings.evaluationDatasets = ["b.json"]
                settings.predicts = predicts
                let rows = try sample.rows(settings)
                #expect(try sample.rows(settings).fingerprint == rows.fingerprint)
                let whole = try InstructionDataset(rows, rows.encoded(0..<rows.count))
                var all = EncodedRows()
                for rank in 0..<ranks {
                    var done = 0
                    let share = rows.share(of: rank, among: ranks)
                    let own = rows.encoded(share) { done = $0 }
                    #expect(done == share.count)
                    let bytes = NumberBytes.bytes(of: own.numbers)
                    let numbers = try #require(NumberBytes.numbers(of: bytes))
                    all += try #require(EncodedRows(numbers: numbers))
                }
                let divided = try InstructionDataset(rows, all)
                #expect(divided.training == whole.training && whole.training.count == 11)
                #expect(divided.evaluation == whole.evaluation)
                #expect(divided.predictions == whole.predictions)
                #expect(divided.report == whole.report && whole.report.wrongRows == 1)
            }
        }
    }

    @Test func numbersThatAreCutOffOrFollowedByOthersAreNoRows() throws {
        try sample.withFolder { folder in
            var settings = sample.settings(folder)
            settings.evaluationDatasets = ["b.json"]
            settings.predicts = true
            let rows = try sample.rows(settings)
            let numbers = rows.encoded(0..<rows.count).numbers
            #expect(EncodedRows(numbers: numbers) != nil)
            for count in 0..<numbers.count {
                #expect(EncodedRows(numbers: Array(numbers[..<count])) == nil)
            }
            #expect(EncodedRows(numbers: numbers + [0]) == nil)
            #expect(NumberBytes.numbers(of: [1, 2, 3]) == nil)
            // Counts that no numbers follow; none may end the process.
            for index in numbers.indices {
                for value in [Int32.min, -1, 3, .max] {
                    var changed = numbers
                    changed[index] = value
                    _ = EncodedRows(numbers: changed)
                }
            }
        }
    }

    @Test func otherRowsHaveAnotherFingerprint() throws {
        try sample.withFolder { folder in
            let settings = sample.settings(folder)
            let before = try sample.rows(settings).fingerprint
            var other = settings
            other.heldOut = 2
            #expect(try sample.rows(other).fingerprint != before)
            other = settings
            other.datasets = ["b.json"]
            #expect(try sample.rows(other).fingerprint != before)
            try sample.write(folder, "a.json", rows: 12, text: "longer Question")
            #expect(try sample.rows(settings).fingerprint != before)
        }
    }

    @Test func rowsWithoutAnAnswerCountWhereTheirLossWould() throws {
        try sample.withFolder { folder in
            try Data(#"[{"instruction": "Q?"}, {"instruction": "Q?", "output": "A"}]"#.utf8)
                .write(to: URL(fileURLWithPath: folder + "/open.json"))
            var settings = sample.settings(folder)
            settings.evaluationDatasets = ["open.json"]
            let file = try #require(try sample.keep(settings.keeping, folder))
            #expect(file.promptCount == 2 && file.evaluationCount == 1)
            #expect(
                file.record.lines.contains {
                    $0.hasPrefix(
                        "1 rows to evaluate on can be continued, but have no part in the loss")
                })
            // A run that evaluates by its loss alone and takes no wrong row is stopped by it.
            settings.isStrict = true
            settings.datasets = []
            settings.trains = false
            #expect(throws: ConversationError.self) { try InstructionExamples(file, for: settings) }
            settings.predicts = true
            // One row of the datasets to learn from is wrong.
            let message = #expect(throws: ConversationError.self) {
                try InstructionExamples(file, for: settings)
            }
            #expect(
                message?.description.contains("prepared without 1 rows, the first: ") == true)
            settings.isStrict = false
            #expect(try InstructionExamples(file, for: settings).predictions.count == 2)
        }
    }
}

extension InstructionSettings.Packing {
    static let all = [none, plain, neat]
}
