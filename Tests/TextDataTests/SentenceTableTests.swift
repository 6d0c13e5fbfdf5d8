import Foundation
import Masking
import TestSupport
import Testing
import TextData

@Suite struct SentenceTableTests {
    @Test func sentencesAndDocumentsAreFoundAgainInShards() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("ids.bin")
        // Two documents: [1 2][3], then an empty one, then [4 5 6] without an end.
        let ids: [UInt16] = [1, 2, 300, 3, 300, 301, 301, 4, 5, 6]
        try Data(ids.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
            .write(to: URL(fileURLWithPath: path))
        let dataset = try TokenDataset.open(path, sampleTokens: 1, vocabularySize: 400)
        let table = try SentenceTable(dataset, SentenceText(sentenceEnd: 300, documentEnd: 301))
        #expect(table.starts == [0, 3, 7])
        #expect(table.lengths == [2, 1, 3])
        #expect(table.documents == [0..<2, 2..<3])
        #expect(try dataset.ids(3..<8) == [3, 300, 301, 301, 4])
    }
}
