import Datasets
import Foundation
import Templates
import TestSupport
import Testing
import TextData
import Tokenizers

/// The rows of References/finetuning, which the reference runs encoded slot by slot.
@Suite struct FinetuningRowsTests {
    @Test func idsAndLabelsAreThoseOfTheReferenceRuns() throws {
        let folder = References.folder.appendingPathComponent("finetuning").path
        let reference = try References.object("finetuning/reference.json")
        var settings = InstructionSettings(datasets: ["rows"])
        settings.folder = folder + "/data"
        settings.encoding.cutoffLength = 256
        let dataset = try InstructionDataset(
            settings, .named("chatml"), TokenizerFolder.load(folder + "/model"))
        #expect(dataset.training.count == 24 && dataset.report.lines.isEmpty)
        #expect(dataset.training.map { $0.ids.map(Int.init) } == reference["ids"] as? [[Int]])
        #expect(dataset.training.map { $0.labels.map(Int.init) } == reference["labels"] as? [[Int]])
    }
}
