import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

/// Changes of config.json against transformers (scripts/references/configurations.py).
@Suite struct ConfigurationReferenceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let model, title: String
        let change: [JSONValue.Member]
        let logprobs: [Double]
        var testDescription: String { "\(model): \(title)" }
    }

    private static let file = try? JSONValueReader.read(
        References.text("configurations/cases.json"))
    static let ids = (file?["ids"]?.array ?? []).compactMap { $0.integer.map(Int32.init) }
    static let cases = (file?["cases"]?.array ?? []).map { entry in
        Case(
            model: entry["model"]?.string ?? "", title: entry["title"]?.string ?? "",
            change: entry["change"]?.members ?? [],
            logprobs: (entry["logprobs"]?.array ?? []).compactMap(\.double))
    }

    @Test func thereAreCases() {
        #expect(Self.cases.count >= 28)
        #expect(Self.ids.count == 41)
    }

    // Of order 1 to 10; 2e-4 is some tens of float32 roundings of a two-layer model.
    @Test(arguments: cases)
    func logProbabilitiesEqualTransformers(reference: Case) throws {
        let folder = try ModelFolder(reference.model)
        try folder.change(reference.change)
        let model = try InferenceModel(path: folder.path, threads: 1)
        let found = try model.logProbabilities(Self.ids, of: "ids").map(Double.init)
        #expect(found.count == reference.logprobs.count)
        for (a, b) in zip(found, reference.logprobs) { #expect(abs(a - b) < 2e-4) }
    }
}
