import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

/// Keys of T5, mT5 and UMT5 that hold beside others, against transformers
/// (scripts/references/t5_keys.py).
@Suite struct T5KeyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let base: String
        /// A JSON object; "(removed)" takes a key away.
        let change: String
        let scores: [Float]

        var testDescription: String { "\(base) \(change)" }
    }

    private static let json = (try? References.text("t5_keys/cases.json")).flatMap {
        try? JSONValueReader.read($0)
    }
    static let cases = (json?["cases"]?.array ?? []).map { one in
        Case(
            base: one["base"]?.string ?? "", change: one["change"]?.text() ?? "",
            scores: (one["logprobs"]?.array ?? []).compactMap { $0.double.map { Float($0) } })
    }

    private static func ids(_ key: String) -> [Int32] {
        (json?[key]?.array ?? []).compactMap { $0.integer.map { Int32($0) } }
    }

    private func folder(_ base: String, _ change: String) throws -> TestFolder {
        let folder = TestFolder()
        let place = References.folder.appending(path: "encoder_decoders/" + base)
        for name in ["config.json", "model.safetensors"] {
            folder.write(name, [UInt8](try Data(contentsOf: place.appending(path: name))))
        }
        let text = String(decoding: folder.bytes("config.json"), as: UTF8.self)
        var members = try JSONValueReader.read(text).members ?? []
        for member in try JSONValueReader.read(change).members ?? [] {
            members.removeAll { $0.key == member.key }
            if member.value.string != "(removed)" { members.append(member) }
        }
        folder.write("config.json", JSONValue.object(members).text())
        return folder
    }

    // Log-probabilities of order 1 to 10, of a few float32 layers.
    @Test(arguments: cases)
    func scoresAreThoseOfTransformers(_ one: Case) throws {
        let folder = try folder(one.base, one.change)
        let model = try InferenceModel(path: folder.path, threads: 1)
        let found = try model.logProbabilities(
            of: Self.ids("targets"), source: MarkedIDs(ids: Self.ids("ids")), of: "a pair")
        try #require(found.count == one.scores.count && found.count == 6)
        for (a, b) in zip(found, one.scores) { #expect(abs(a - b) < 1e-4, "\(a), \(b)") }
    }

    @Test func theReferenceHasCasesThatDiffer() {
        #expect(Self.cases.count == 19)
        #expect(Set(Self.cases.map(\.scores)).count > 7)
    }

    /// By its other name the number is the encoder's alone.
    @Test(arguments: [
        (#"{"num_hidden_layers": 1}"#, "encoder.block.1."),
        (#"{"num_layers": 1}"#, "coder.block.1."),
        (#"{"num_layers": 1, "num_hidden_layers": 2}"#, "decoder.block.1."),
        (#"{"dense_act_fn": "mish"}"#, "dense_act_fn"),
    ])
    func whatDoesNotFitIsNamed(_ change: String, _ words: String) throws {
        let folder = try folder("t5", change)
        do throws(ModelFileError) {
            _ = try InferenceModel(path: folder.path, threads: 1)
            Issue.record("\(change) is read")
        } catch {
            #expect(error.description.contains(words), "\(error.description)")
        }
    }
}
