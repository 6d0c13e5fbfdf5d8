import Foundation
import TestSupport
import Testing
import TextData

@Suite struct TokenDatasetTests {
    private let folder = TestFolder()

    private func error(
        _ path: String, sampleTokens: Int = 4, vocabularySize: Int = 257, verify: Bool = true
    ) -> CorpusError? {
        corpusError { () throws(CorpusError) in
            _ = try TokenDataset.open(
                path, sampleTokens: sampleTokens, vocabularySize: vocabularySize, verify: verify)
        }
    }

    private func sample(_ dataset: TokenDataset, _ index: Int) throws(CorpusError) -> [Int32] {
        var sample = [Int32](repeating: -7, count: dataset.sampleTokens + 1)
        try sample.withUnsafeMutableBufferPointer { buffer throws(CorpusError) in
            try dataset.copySample(index, into: buffer)
        }
        return sample
    }

    /// A prepared folder with one shard, and the shard's path.
    private func oneShard(_ text: String = "some text of a document") throws -> String {
        try prepare([folder.write("in.txt", text)], to: folder("out"))
        return folder("out/shard-000000.tokens")
    }

    @Test("Samples are consecutive, overlap by one id and span shards")
    func samplesSpanShards() throws {
        let dataset = try countingDataset(folder, count: 300, sampleTokens: 8, shards: 30)
        #expect(folder.names("out").count == 31)
        var row: [Int32] = []
        for shard in 0..<30 { row += (Int32(shard * 10)..<Int32(shard * 10 + 10)) + [0] }
        #expect(dataset.tokenCount == row.count)
        #expect(dataset.sampleCount == (row.count - 1) / 8)
        for index in 0..<dataset.sampleCount {
            #expect(try sample(dataset, index) == Array(row[index * 8...index * 8 + 8]))
        }
        #expect(dataset.tokenizerHash == 7)
        #expect(dataset.endOfText == 0)
    }

    @Test("A sample may span many shards, empty ones among them")
    func longSamplesSpanManyShards() throws {
        for index in 0..<9 {
            folder.write(
                "in/\(index).txt", index % 3 == 1 ? String(repeating: "1", count: 64) : "w \(index)"
            )
            folder.write("in/\(index)-filler.txt", String(repeating: ".", count: 64))
        }
        try prepare([folder("in")], to: folder("out")) { $0.unitBytes = 64 }
        #expect(folder.names("out").count == 19)
        let dataset = try TokenDataset.open(folder("out"), sampleTokens: 23, vocabularySize: 257)
        #expect(dataset.tokenCount == 24)
        var text: [Int32] = []
        for index in [0, 2, 3, 5, 6, 8] { text += "w \(index)".utf8.map { Int32($0) } + [256] }
        #expect(try sample(dataset, 0) == text)
    }

    @Test("Ids of large vocabularies take four bytes, others two")
    func idWidthFollowsTheVocabulary() throws {
        let path = folder.write("in.txt", "5 x 1000000 70000 y 65536")
        try prepare([path], to: folder("wide"), encoder: numberEncoder)
        #expect(
            try allTokens(folder("wide"), vocabularySize: 1 << 20) == [
                5, 1, 1_000_000, 70_000, 1, 65_536, 0,
            ])
        #expect(folder.bytes("wide/shard-000000.tokens").count == 256 + 7 * 4)
        let narrow = TokenEncoder(endOfText: 65_535, vocabularySize: 65_536, tokenizerHash: 1) {
            _ in [65_534]
        }
        try prepare([path], to: folder("narrow"), encoder: narrow)
        #expect(try allTokens(folder("narrow"), vocabularySize: 65_536) == [65_534, 65_535])
        #expect(folder.bytes("narrow/shard-000000.tokens").count == 256 + 2 * 2)
    }

    @Test("A shard's header has the documented layout")
    func headerLayout() throws {
        let bytes = readBytes(try oneShard("abc"))
        func long(_ offset: Int) -> Int {
            bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        #expect(Array(bytes[0..<8]) == Array("LSTKSHRD".utf8))
        #expect(Array(bytes[8..<20]) == [1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0])
        // CRC-32 of 61 00 62 00 63 00 00 01, from Python's zlib.crc32.
        #expect(Array(bytes[20..<24]) == [0x66, 0xB9, 0xCB, 0x62])
        #expect([24, 32, 40, 48, 56, 72, 80].map(long) == [4, 1, 0xABCD, 257, 256, 256, 3])
        #expect(Array(bytes[256...]) == [0x61, 0, 0x62, 0, 0x63, 0, 0, 1])
    }

    @Test("Token files of nanoGPT and llm.c are read")
    func filesOfOtherPrograms() throws {
        let ids = (0..<1000).map { Int32($0 * 7 % 50_257) }
        #expect(try allTokens(reference("nanogpt.bin"), vocabularySize: 50_257) == ids)
        #expect(try allTokens(reference("llmc-gpt2.bin"), vocabularySize: 50_257) == ids)
        #expect(
            try allTokens(reference("llmc-llama3.bin"), vocabularySize: 128_256)
                == ids.map { $0 + 70_000 })
        let dataset = try TokenDataset.open(
            reference("nanogpt.bin"), sampleTokens: 64, vocabularySize: 50_257)
        #expect(dataset.sampleCount == 999 / 64)
        #expect(dataset.tokenizerHash == nil)
    }

    @Test("Ids beyond the model's vocabulary are found in files of every kind")
    func vocabularyMismatch() throws {
        let shard = try oneShard()
        #expect(
            error(folder("out"), vocabularySize: 256)
                == .vocabularyMismatch(file: shard, largest: 256, vocabularySize: 256))
        for (name, largest) in [
            ("nanogpt.bin", 6993), ("llmc-gpt2.bin", 6993), ("llmc-llama3.bin", 76_993),
        ] {
            let path = reference(name)
            #expect(error(path, vocabularySize: largest + 1) == nil)
            #expect(
                error(path, vocabularySize: largest)
                    == .vocabularyMismatch(file: path, largest: largest, vocabularySize: largest))
        }
    }

    @Test("A truncated shard is an error with both sizes", arguments: [1, 30, 200, 250])
    func truncatedShard(missing: Int) throws {
        let shard = try oneShard()
        let bytes = readBytes(shard)
        folder.write("out/shard-000000.tokens", Array(bytes.dropLast(missing)))
        let expected = bytes.count - missing < 256 ? 256 : bytes.count
        #expect(
            error(folder("out"))
                == .size(file: shard, expected: expected, found: bytes.count - missing))
    }

    @Test("Truncated files of other programs are errors")
    func truncatedForeignFiles() {
        for (name, expected) in [
            ("llmc-gpt2.bin", 3024), ("llmc-llama3.bin", 5024), ("nanogpt.bin", 2000),
        ] {
            let path = folder.write(name, Array(readBytes(reference(name)).dropLast(1)))
            #expect(
                error(path, vocabularySize: 200_000)
                    == .size(file: path, expected: expected, found: expected - 1))
        }
    }

    @Test("Every flipped byte of a shard is noticed")
    func flippedBytesAreNoticed() throws {
        let bytes = readBytes(try oneShard())
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 1
            folder.write("out/shard-000000.tokens", flipped)
            let found = error(folder("out"))
            switch (index, found) {
            case (0..<8, .wrongMagic), (8..<12, .unsupportedVersion), (12..<256, .damagedHeader),
                (256..., .checksum):
                continue
            default: Issue.record("byte \(index): \(String(describing: found))")
            }
            if index >= 256 { #expect(error(folder("out"), verify: false) == nil) }
        }
    }

    @Test("What is no dataset is refused")
    func noDataset() throws {
        let text = folder.write("text.tokens", "plain text")
        #expect(error(text) == .wrongMagic(file: text, found: "\"plain te\""))
        let empty = folder.write("empty.bin", "")
        #expect(error(empty) == .wrongMagic(file: empty, found: "nothing (an empty file)"))
        var header = Array(readBytes(reference("llmc-gpt2.bin")))
        header[4] = 9
        let newer = folder.write("newer.bin", header)
        #expect(error(newer) == .unsupportedVersion(file: newer, found: 9, newest: 1))
        for path in [folder("missing"), folder.path] {
            guard case .noDataset(path, _) = error(path) else {
                Issue.record("\(path)")
                continue
            }
        }
    }

    @Test("A folder whose preparation has not finished says so")
    func unfinishedFolder() throws {
        _ = try oneShard()
        try FileManager.default.removeItem(atPath: folder("out/dataset.json"))
        let message = error(folder("out")).map { "\($0)" } ?? ""
        #expect(message.contains("has not finished"))
        folder.write("out/dataset.json", "{\"format\": 1}")
        guard case .manifest(folder("out/dataset.json"), _) = error(folder("out")) else {
            Issue.record("a manifest that cannot be read")
            return
        }
    }

    @Test("A shard that is missing, or of another preparation, is noticed")
    func foreignShard() throws {
        let shard = try oneShard()
        try prepare([folder.write("other.txt", "some text of a dokument")], to: folder("out2"))
        folder.write("out/shard-000000.tokens", folder.bytes("out2/shard-000000.tokens"))
        #expect(error(folder("out")) == .changedShard(file: shard))
        try FileManager.default.removeItem(atPath: shard)
        #expect(error(folder("out")) == .system(call: "open", code: ENOENT, file: shard))
    }

    @Test("Too few tokens for one sample is an error with both numbers")
    func tooFewTokens() throws {
        _ = try oneShard("abc")
        #expect(error(folder("out"), sampleTokens: 3) == nil)
        #expect(
            error(folder("out"), sampleTokens: 4)
                == .tooFewTokens(path: folder("out"), tokens: 4, sampleTokens: 4))
        #expect(error(folder("out"), sampleTokens: 0) != nil)
    }

    @Test("The content hash tells datasets apart and not where they lie")
    func contentHash() throws {
        _ = try oneShard()
        try prepare([folder("in.txt")], to: folder("copy"))
        try prepare([folder.write("b.txt", "some text of a dokument")], to: folder("other"))
        func hash(_ name: String) throws -> UInt64 {
            try TokenDataset.open(folder(name), sampleTokens: 4, vocabularySize: 257).contentHash
        }
        #expect(try hash("out") == hash("copy"))
        #expect(try hash("out") != hash("other"))
    }
}
