import Datasets
import TestSupport
import Testing
import TextData
import TokenizerSupport

/// Rows with labels, encoded for a head.
@Suite struct LabelEncodingTests {
    private let folder = TestFolder()

    private func examples(
        _ rows: String, _ names: LabelNames, _ subject: LabelSubject
    ) throws -> [LabeledExample] {
        var data = InstructionSettings(datasets: [])
        data.evaluationDatasets = [folder.write("rows.json", rows)]
        data.isStrict = true
        var settings = LabelSettings(data)
        settings.subject = subject
        let encoding = LabelEncoding(
            try TokenizerFixtures().tokenizer("roberta"), names, longest: 32, hasTypes: false)
        var report = InstructionReport()
        return try encoding.examples(
            LabeledRows(settings).parts[0], threads: 1, isStrict: true, &report)
    }

    @Test func severalNumbersAreTheLabelOfAHeadWithAsManyScores() throws {
        let names = LabelNames(.number, ["LABEL_0", "LABEL_1"])
        let rows = #"[{"text": "a b", "label": [0.5, -2]}, {"text": "c", "label": ["1", 3]}]"#
        let found = try examples(rows, names, .texts)
        #expect(found.map(\.label) == [.numbers([0.5, -2]), .numbers([1, 3])])
    }

    @Test(arguments: ["1.5", "[1.5]", "[1, 2, 3]", #"[1, "x"]"#])
    func aLabelOfAnotherNumberOfNumbersIsRefused(label: String) throws {
        let names = LabelNames(.number, ["LABEL_0", "LABEL_1"])
        #expect {
            _ = try examples(#"[{"text": "a", "label": \#(label)}]"#, names, .texts)
        } throws: {
            "\($0)".contains("expected a list of 2 numbers")
        }
    }

    /// As transformers' is_split_into_words has it.
    @Test func anEmptyWordHasNoToken() throws {
        let names = LabelNames(.each, ["O", "X"])
        let rows =
            #"[{"tokens": ["the", "", "dog"], "tags": ["X", "O", "X"]}, "#
            + #"{"tokens": ["the", "dog"], "tags": ["X", "X"]}]"#
        let found = try examples(rows, names, .words)
        #expect(found[0] == found[1])
    }
}
