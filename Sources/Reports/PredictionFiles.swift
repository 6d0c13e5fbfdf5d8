import Files
import Foundation
package import Metrics

/// The figures of a finished prediction.
package struct PredictionSummary: Sendable {
    package let figures: [Figure]
    package let samples: Int
    package let batches: Int
    /// Seconds.
    package let runtime: Double

    package init(figures: [Figure], samples: Int, batches: Int, runtime: Double) {
        self.figures = figures
        self.samples = samples
        self.batches = batches
        self.runtime = runtime
    }
}

/// Writes what `do_predict` leaves in the output folder, under LLaMA-Factory's and Hugging Face's
/// names.
package struct PredictionFiles: Sendable {
    private let folder: String

    package init(folder: String) { self.folder = folder }

    /// Writes the predictions.
    ///
    /// - Throws: ``ReportError/write(file:reason:)``.
    package func write(_ file: PredictionFile) throws(ReportError) {
        try ReportFile.write(Data(file.text.utf8), to: folder + "/" + file.name)
    }

    /// Writes predict_results.json and adds its figures to all_results.json, where those of
    /// training stay.
    ///
    /// - Throws: ``ReportError/write(file:reason:)``.
    package func write(_ summary: PredictionSummary) throws(ReportError) {
        let runtime = max(summary.runtime, 1e-9)
        var figures = summary.figures.map {
            (key: "predict_" + $0.name, value: JSONValue.double($0.value))
        }
        let rates = [
            ("predict_runtime", ReportText.rounded(summary.runtime, 4)),
            (
                "predict_samples_per_second",
                ReportText.rounded(Double(summary.samples) / runtime, 3)
            ),
            (
                "predict_steps_per_second",
                ReportText.rounded(Double(summary.batches) / runtime, 3)
            ),
        ]
        figures += rates.map { ($0, .double($1)) }
        try write("predict_results.json", figures)
        try AllResults.merge(figures, in: folder)
    }

    private func write(
        _ name: String, _ figures: [(key: String, value: JSONValue)]
    ) throws(ReportError) {
        let text = JSONValue.object(figures).text(indent: 4, sortsKeys: true) + "\n"
        try ReportFile.write(Data(text.utf8), to: folder + "/" + name)
    }
}
