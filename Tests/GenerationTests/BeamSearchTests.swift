import Configuration
import Foundation
import Generation
import ModelFiles
import TestSupport
import Testing

/// Beam search against transformers' (scripts/references/beams.py).
@Suite struct BeamSearchTests {
    @Test func textsAreThoseOfTransformers() throws {
        let reference = try SearchReference.read("beams/searches.json")
        let byModel = Dictionary(grouping: reference.cases, by: \.model)
        #expect(byModel.count == 5 && reference.cases.count > 100)
        for (model, cases) in byModel {
            let inference = try InferenceModel(
                path: References.folder.appendingPathComponent(model).path, threads: 1)
            for one in cases {
                let found = inference.searched(
                    after: one.prompt, count: reference.count, one.settings.sampling,
                    ends: Set(one.settings.ends))
                #expect(found == one.text, "\(model) \(one.settings) after \(one.prompt)")
            }
        }
    }

    @Test func oneBeamIsTheLikeliestToken() throws {
        let inference = try InferenceModel(
            path: References.folder.appendingPathComponent("models/llama").path, threads: 1)
        var greedy: [Int32] = []
        inference.model.generate(
            after: [3, 4, 5], count: 20, sampler: Sampler(.greedy), ends: [7],
            computeType: .float32, in: inference.workspace
        ) { token in
            greedy.append(token)
            return true
        }
        #expect(
            inference.searched(after: [3, 4, 5], count: 20, .greedy, ends: [7]) == greedy)
    }

    @Test func aTextEndsWhereThePositionsDo() throws {
        let inference = try InferenceModel(
            path: References.folder.appendingPathComponent("models/gpt2").path, threads: 1)
        var settings = SamplingSettings.greedy
        settings.beams.count = 3
        let limit = inference.model.description.maximumPositions
        let prompt = (0..<limit - 5).map { Int32($0 % 90) }
        #expect(inference.searched(after: prompt, count: 50, settings, ends: []).count == 5)
        let full = (0..<limit).map { Int32($0 % 90) }
        #expect(inference.searched(after: full, count: 50, settings, ends: []).isEmpty)
    }

    /// A vocabulary of fewer tokens than a search wants leaves fewer beams, not a fault.
    @Test func aTinyVocabularyOrScoresThatAreNoNumbersEndTheSearch() {
        var settings = BeamSettings(count: 5)
        settings.earlyStopping = .always
        var search = BeamSearch(settings, ends: [0], longest: 4)
        var steps = 0
        while !search.isOver {
            search.advance(search.running.map { _ in [-2, -0.1] })
            steps += 1
        }
        #expect(steps <= 4 && !search.best.isEmpty)
        #expect(search.best.allSatisfy { $0 == 1 })
        var broken = BeamSearch(settings, ends: [0], longest: 4)
        broken.advance([[.nan, .nan, .nan]])
        #expect(broken.isOver && broken.best.isEmpty)
    }
}
