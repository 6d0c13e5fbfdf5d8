import Foundation
import ModelFiles
import TestSupport
import Testing

/// PEFT's adapters of models without heads (FEATURE_EXTRACTION), whose files leave out the body's prefix
/// (scripts/references/contrastive.py).
@Suite struct BodyAdapterTests {
    private func path(_ name: String) -> String {
        References.folder.appending(path: "contrastive/" + name).path
    }

    // Numbers of order 1 out of a layer of float32.
    @Test(arguments: ["bert", "llama"])
    func vectorsAreThoseOfPEFT(name: String) throws {
        let model = try SentenceModel(
            path: path(name), adapters: [path(name + "_adapter")], threads: 1)
        let plain = try SentenceModel(path: path(name), threads: 1)
        let file = try References.object("contrastive/\(name)_adapter/vectors.json")
        let texts = try #require(file["ids"] as? [[Int]])
        let vectors = try #require(file["vectors"] as? [[Double]])
        for (ids, wanted) in zip(texts, vectors) {
            let marked = MarkedIDs(ids: ids.map { Int32($0) })
            let found = try model.embeddings(of: [(marked, "a text")])[0]
            try #require(found.count == wanted.count)
            for (a, b) in zip(found, wanted) { #expect(abs(Double(a) - b) < 2e-5) }
            let base = try plain.embeddings(of: [(marked, "a text")])[0]
            #expect(zip(base, found).contains { abs($0 - $1) > 1e-2 })
        }
    }
}
