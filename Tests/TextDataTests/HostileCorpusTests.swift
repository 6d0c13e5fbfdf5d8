import Files
import Foundation
import TestSupport
import Testing
import TextData

/// Corpora and token files that are damaged or meant to do harm.
@Suite struct HostileCorpusTests {
    private let folder = TestFolder()

    private func problem(
        _ name: String, _ text: String, limit: Int = 1000
    ) -> CorpusError? {
        corpusError { () throws(CorpusError) in
            try prepare([folder.write(name, text)], to: folder("out")) {
                $0.pieceBytes = 64
                $0.recordLimit = RecordLimit(bytes: limit)
            }
        }
    }

    private func record(_ letters: Int) -> String {
        "{\"text\": \"\(String(repeating: "ab c\\n", count: letters / 5))\"}"
    }

    @Test(arguments: ["jsonl", "json"])
    func aRecordLargerThanALimitIsRefusedWithItsPlace(kind: String) throws {
        let text = record(50) + "\n" + record(100) + "\n" + record(5000) + "\n" + record(50)
        guard case .badRecord(_, let place, let words)? = problem("in." + kind, text) else {
            Issue.record("no error")
            return
        }
        #expect(place == (kind == "json" ? "record 3" : "line 3"))
        #expect(words.hasPrefix("a record of more than 1000 bytes found, at most 1000 expected"))
        #expect(problem("in." + kind, text, limit: 6000) == nil)
    }

    @Test func aLongTextFileHasNoLimit() throws {
        #expect(problem("in.txt", String(repeating: "a", count: 20_000)) == nil)
        #expect(try documents(folder("out")) == [String(repeating: "a", count: 20_000)])
    }

    @Test func aLongRecordIsEncodedInPieces() throws {
        let largest = Largest()
        let encoder = TokenEncoder(endOfText: 256, vocabularySize: 257, tokenizerHash: 1) {
            largest.note($0.count)
            return $0.map { Int32($0) }
        }
        let text = (0..<300).map { "line \($0) of a long record" }.joined(separator: "\n")
        let escaped = text.replacing("\n", with: "\\n")
        try prepare(
            [folder.write("in.jsonl", "{\"text\": \"\(escaped)\"}\n{\"text\": \"next\"}")],
            to: folder("out"), encoder: encoder
        ) { $0.pieceBytes = 100 }
        #expect(try documents(folder("out")) == [text, "next"])
        #expect(largest.value <= 100)
    }

    @Test func aLongRecordWithoutALetterIsDropped() throws {
        let manifest = try prepare(
            [
                folder.write(
                    "in.jsonl",
                    "{\"text\": \"\(String(repeating: "1 2 3 ", count: 100))\"}\n{\"text\": \"a\"}")
            ], to: folder("out")
        ) { $0.pieceBytes = 64 }
        #expect(try documents(folder("out")) == ["a"])
        #expect(manifest.totals.droppedDocuments == 1 && manifest.totals.tokens == 2)
        #expect(manifest.totals.textBytes == 1)
    }

    /// The largest of the numbers told, by any thread.
    private final class Largest: @unchecked Sendable {
        // Unchecked because of the number, which the lock guards.
        private let lock = NSLock()
        private var largest = 0
        func note(_ number: Int) { lock.withLock { largest = max(largest, number) } }
        var value: Int { lock.withLock { largest } }
    }

    // MARK: Token files

    /// A shard of small ids whose header says that its largest id is another, checksums right.
    private func lyingShard(_ largest: Int) throws -> String {
        try prepare([folder.write("in.txt", "abc abc abc")], to: folder("out"))
        let path = folder("out/" + folder.names("out").filter { $0.hasSuffix(".tokens") }[0])
        var bytes = readBytes(path)
        var header = try bytes.withUnsafeBytes { try ShardHeader($0, file: path) }
        header.largestID = largest
        bytes.replaceSubrange(0..<ShardHeader.bytes, with: header.encoded())
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }

    @Test(arguments: [0, 98, 5000])
    func aShardThatLiesAboutItsLargestIDIsRefusedWhenItIsOpened(largest: Int) throws {
        let path = try lyingShard(largest)
        #expect(
            corpusError { () throws(CorpusError) in
                _ = try TokenDataset.open(folder("out"), sampleTokens: 2, vocabularySize: 6000)
            }
                == .damagedHeader(
                    file: path,
                    problem: "it says that the largest id is \(largest), but id 256 is there"))
    }

    @Test func anIDAboveTheLargestIsNamedWhenItIsRead() throws {
        let path = try lyingShard(98)
        let dataset = try TokenDataset.open(
            folder("out"), sampleTokens: 2, vocabularySize: 100, verify: false)
        #expect(
            corpusError { () throws(CorpusError) in
                for index in 0..<dataset.sampleCount { _ = try read(dataset, index) }
            } == .idOutOfRange(file: path, place: 2, id: 99, largest: 98))
    }

    @Test(arguments: [UInt16(300), 65535])
    func anIDWrittenIntoAnOpenTokenFileIsNamed(id: UInt16) throws {
        var ids = [UInt16](repeating: 7, count: 9)
        let path = folder.write("ids.bin", ids.withUnsafeBytes { Array($0) })
        let dataset = try TokenDataset.open(path, sampleTokens: 4, vocabularySize: 8)
        #expect(try read(dataset, 1) == [7, 7, 7, 7, 7])
        ids[6] = id
        try FileHandle(forWritingTo: URL(filePath: path))
            .write(contentsOf: ids.withUnsafeBytes { Data($0) })
        #expect(try read(dataset, 0) == [7, 7, 7, 7, 7])
        #expect(
            corpusError { () throws(CorpusError) in _ = try read(dataset, 1) }
                == .idOutOfRange(file: path, place: 6, id: Int(id), largest: 7))
    }

    @Test func aNegativeIDOfLlmCIsOutOfRange() throws {
        var words = [Int32](repeating: 0, count: 256) + [1, 2, -1, 3]
        words.replaceSubrange(0..<3, with: [20_240_801, 7, 4])
        let path = folder.write("ids.bin", words.withUnsafeBytes { Array($0) })
        #expect(
            corpusError { () throws(CorpusError) in
                _ = try TokenDataset.open(path, sampleTokens: 2, vocabularySize: 8)
            } == .vocabularyMismatch(file: path, largest: Int(UInt32.max), vocabularySize: 8))
    }

    @Test func aTokenFileThatIsCutOffWhileItIsReadIsNamed() throws {
        let path = folder.write("ids.bin", [UInt8](repeating: 0, count: 2000))
        let dataset = try TokenDataset.open(path, sampleTokens: 4, vocabularySize: 8)
        truncate(path, 1000)
        #expect(
            corpusError { () throws(CorpusError) in _ = try read(dataset, 200) }
                == .file(.cutOff(file: path, bytes: 2000, found: 1000)))
    }

    private func read(_ dataset: TokenDataset, _ index: Int) throws(CorpusError) -> [Int32] {
        var sample = [Int32](repeating: -7, count: dataset.sampleTokens + 1)
        try sample.withUnsafeMutableBufferPointer { buffer throws(CorpusError) in
            try dataset.copySample(index, into: buffer)
        }
        return sample
    }

    @Test func aPipeIsNoCorpusAndNoTokenFile() throws {
        let path = folder("p.jsonl")
        #expect(mkfifo(path, 0o600) == 0)
        try Data("{\"text\": \"a\"}".utf8).write(to: URL(filePath: folder("a.jsonl")))
        #expect(
            corpusError { () throws(CorpusError) in
                _ = try TokenDataset.open(path, sampleTokens: 2, vocabularySize: 8)
            } == .file(.notRegular(file: path, kind: "a pipe")))
        #expect(
            corpusError { () throws(CorpusError) in try prepare([path], to: folder("o")) }
                == .file(.notRegular(file: path, kind: "a pipe")))
        // Within a folder it is passed over, like all that is no text.
        try prepare([folder.path], to: folder("o"))
        #expect(try documents(folder("o")) == ["a"])
    }
}
