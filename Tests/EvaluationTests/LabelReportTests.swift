import Evaluation
import Models
import Objectives
import Testing
import TextData

/// What a head with several numbers says of texts.
@Suite struct LabelReportTests {
    private let rows = [
        HeldOutRow(number: 0, values: [1, 2.25]), HeldOutRow(number: 1, values: [0, -1]),
    ]
    private let report = LabelReport(
        TaskPlan(.sequence, .regression, labels: ["LABEL_0", "LABEL_1"]),
        [
            LabeledExample(ids: [1], label: .numbers([1.5, 2.25])),
            LabeledExample(ids: [1], label: .numbers([0, 1])),
        ])

    /// The mean over all numbers, as PyTorch's MSELoss: (0.25 + 0 + 0 + 4) / 4.
    @Test func severalNumbersHaveOneMeanSquaredError() {
        let figures = report.figures(rows)
        #expect(figures.map(\.name) == ["mse"])
        #expect(figures.map(\.value) == [1.0625])
    }

    @Test func allNumbersAreWritten() {
        #expect(
            report.file(rows).text
                == "index\tprediction\n0\t[1.000, 2.250]\n1\t[0.000, -1.000]\n")
    }
}
