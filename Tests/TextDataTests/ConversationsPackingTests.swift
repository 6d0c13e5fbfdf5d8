import Datasets
import Files
import Templates
import Testing
import TextData

/// Packing, truncation, mixing and splitting as LLaMA-Factory and the datasets library do them.
@Suite struct ConversationsPackingTests {
    private let fixtures = ConversationsFixtures()

    @Test func groupsEqualLLaMAFactorysKnapsacks() throws {
        for item in try fixtures.details()["knapsacks"] as! [[String: Any]] {
            let groups = ExamplePacking.groups(
                item["lengths"] as! [Int], capacity: item["capacity"] as! Int)
            #expect(groups == item["groups"] as! [[Int]])
        }
    }

    @Test func keptLengthsEqualLLaMAFactorys() throws {
        for numbers in try fixtures.details()["lengths"] as! [[Int]] {
            let kept = TurnTruncation.lengths(
                source: numbers[0], target: numbers[1], cutoff: numbers[2])
            #expect([kept.source, kept.target] == Array(numbers[3...]), "\(numbers)")
        }
    }

    @Test(arguments: ["plain", "neat"])
    func packsEqualLLaMAFactorys(_ kind: String) throws {
        let details = try fixtures.details()
        let expected = (details["packs"] as! [String: [[Int]]])[kind]!
        let padding = Int32(details["pad"] as! Int)
        var settings = InstructionSettings(datasets: ["alpaca", "sharegpt", "openai"])
        settings.folder = fixtures.folder.path
        settings.encoding = fixtures.settings("plain")
        // One token less is for the pack, as LLaMA-Factory's arguments subtract it.
        settings.encoding.cutoffLength = 256
        settings.packing = kind == "neat" ? .neat : .plain
        let dataset = try InstructionDataset(
            settings, .named("chatml"), fixtures.tokenizer("llama"))
        #expect(dataset.training.count == expected.count)
        for (pack, numbers) in zip(dataset.training, expected) {
            let room = 256 - pack.ids.count
            let ids = pack.ids + [Int32](repeating: padding, count: room)
            let labels = pack.labels + [Int32](repeating: -100, count: room)
            #expect(Int(fixtures.hash(ids)) == numbers[0])
            #expect(Int(fixtures.hash(labels)) == numbers[1])
            #expect((pack.segments?.max() ?? 1) == Int32(numbers[3]))
            #expect(pack.segments?.count ?? pack.ids.count == pack.ids.count)
        }
    }

    @Test func datasetsAreMixedAsTheDatasetsLibraryMixesThem() throws {
        let mixing = try fixtures.details()["mixing"] as! [String: Any]
        let orders = mixing["orders"] as! [String: [[Int32]]]
        #expect(orders.count == 9)
        for (key, expected) in orders {
            let words = key.split(separator: " ")
            let mixed = DatasetMixing.mixed(
                [Array(0..<3), Array(0..<5), Array(0..<2)],
                InstructionSettings.Mixing(rawValue: String(words[0]))!,
                words[2] == "True" ? [0.5, 0.3, 0.2] : nil, seed: UInt64(words[1])!)
            #expect(mixed.map { [$0.dataset, $0.row] } == expected, "\(key)")
        }
        let rows = [[4, 2], [7]]
        let all = DatasetMixing.mixed(rows, .concat, nil, seed: 1)
        #expect(all.map { [$0.dataset, $0.row] } == [[0, 4], [0, 2], [1, 7]])
    }

    @Test func rowsHeldOutAreThoseOfTheDatasetsLibrary() throws {
        let mixing = try fixtures.details()["mixing"] as! [String: Any]
        for item in mixing["splits"] as! [[Any]] {
            let rows = (0..<(item[0] as! Int)).map {
                DatasetRows.Reference(dataset: 0, row: Int32($0))
            }
            let (training, evaluation) = try DatasetMixing.split(
                rows, size: item[1] as! Double, seed: UInt64(item[2] as! Int))
            #expect(training.map(\.row) == item[3] as! [Int32])
            #expect(evaluation.map(\.row) == item[4] as! [Int32])
        }
    }

    @Test func numbersAndTextsAreWrittenAsPythonWritesThem() throws {
        for item in try fixtures.details()["json"] as! [[String: String]] {
            let value = try JSONValueReader.read(item["text"]!)
            #expect(value.text() == item["line"])
            #expect(value.text(indent: 4) == item["indented"])
            #expect(value.pythonText == item["format"])
        }
    }
}
