import Datasets
import Foundation
import Templates
import TestSupport
import Testing
import TextData

/// Rows that `num_samples` draws (Tests/References/legacy_numpy).
@Suite struct ConversationsSamplingTests {
    private let fixtures = ConversationsFixtures()

    private struct Case {
        let seed: UInt64
        let count: Int
        let wanted: Int
        let rows: [Int]
    }

    private func cases() throws -> [Case] {
        let path = References.folder.appendingPathComponent("legacy_numpy/drawn.json")
        let lists = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as! [[Any]]
        return lists.map {
            Case(
                seed: ($0[0] as! NSNumber).uint64Value, count: $0[1] as! Int, wanted: $0[2] as! Int,
                rows: $0[3] as! [Int])
        }
    }

    /// The numbers of the rows that are learned, of datasets that draw one after another.
    private func drawn(_ cases: [Case], evaluates: Int = 0) throws -> [Int] {
        var files: [String: String] = [:]
        var info: [String: Any] = [:]
        for (number, sample) in cases.enumerated() {
            files["\(number).jsonl"] = (0..<sample.count)
                .map { #"{"instruction": "?", "output": "\#($0)"}"# + "\n" }.joined()
            info["d\(number)"] = ["file_name": "\(number).jsonl", "num_samples": sample.wanted]
        }
        files["dataset_info.json"] = String(
            decoding: try JSONSerialization.data(withJSONObject: info), as: UTF8.self)
        return try fixtures.withFolder(files) { folder in
            let names = cases.indices.map { "d\($0)" }
            var settings = InstructionSettings(datasets: Array(names.dropLast(evaluates)))
            settings.evaluationDatasets = Array(names.suffix(evaluates))
            settings.folder = folder
            settings.seed = cases[0].seed
            let tokenizer = try fixtures.tokenizer("llama")
            let dataset = try InstructionDataset(settings, .named("empty"), tokenizer)
            return (dataset.training + dataset.evaluation).map { example in
                let learned = example.labels.filter { $0 != TokenizedExample.noLoss }
                return Int(tokenizer.decode(learned)) ?? -1
            }
        }
    }

    @Test func rowsAreThoseThatNumPyDraws() throws {
        let cases = try cases()
        let seeds = Set(cases.map(\.seed))
        #expect(seeds.count == 4)
        for seed in seeds {
            let ofSeed = cases.filter { $0.seed == seed }
            #expect(try drawn(ofSeed) == ofSeed.flatMap(\.rows))
        }
    }

    @Test func evaluationDatasetsDrawAfterTheOthers() throws {
        let cases = try Array(cases().prefix(2))
        #expect(try drawn(cases, evaluates: 1) == cases.flatMap(\.rows))
    }
}
