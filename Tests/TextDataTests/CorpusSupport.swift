import Foundation
import TestSupport
import TextData

/// A file of Tests/References/corpus.
func reference(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("References/corpus/\(name)").path
}

/// Each byte of the text is its own id; 256 ends a document.
let byteEncoder = TokenEncoder(endOfText: 256, vocabularySize: 257, tokenizerHash: 0xABCD) {
    $0.map { Int32($0) }
}

/// Numbers between spaces are ids; other words are id 1. 0 ends a document. Ids take four bytes.
let numberEncoder = TokenEncoder(endOfText: 0, vocabularySize: 1 << 20, tokenizerHash: 7) {
    $0.split { $0 == 0x20 || $0 == 0x0A }.map { Int32(String(decoding: $0, as: UTF8.self)) ?? 1 }
}

/// Prepares on all ranks, one after another, and finishes.
@discardableResult
func prepare(
    _ inputs: [String], to output: String, ranks: Int = 1, encoder: TokenEncoder = byteEncoder,
    _ change: (inout CorpusSettings) -> Void = { _ in }
) throws(CorpusError) -> CorpusManifest {
    var settings = CorpusSettings()
    change(&settings)
    let preparation = CorpusPreparation(
        inputs: inputs, output: output, encoder: encoder, settings: settings)
    let plan = try preparation.plan()
    for rank in 0..<ranks { _ = try preparation.run(plan, rank: rank, ranks: ranks) }
    return try preparation.finish(plan)
}

/// All ids of a prepared folder, through samples of one target each.
func allTokens(_ path: String, vocabularySize: Int = 257) throws(CorpusError) -> [Int32] {
    let dataset = try TokenDataset.open(path, sampleTokens: 1, vocabularySize: vocabularySize)
    var pair = [Int32](repeating: 0, count: 2)
    var tokens: [Int32] = []
    for index in 0..<dataset.sampleCount {
        try pair.withUnsafeMutableBufferPointer { buffer throws(CorpusError) in
            try dataset.copySample(index, into: buffer)
        }
        tokens.append(pair[0])
    }
    return tokens + [pair[1]]
}

/// The documents of a folder that was prepared with ``byteEncoder``.
func documents(_ path: String) throws(CorpusError) -> [String] {
    let tokens = try allTokens(path)
    precondition(tokens.last == 256, "the last document must be closed")
    return tokens.dropLast().split(separator: 256, omittingEmptySubsequences: false).map {
        String(decoding: $0.map { UInt8($0) }, as: UTF8.self)
    }
}

/// The error that `body` throws, if it throws one.
func corpusError(_ body: () throws(CorpusError) -> Void) -> CorpusError? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}

/// A dataset of the numbers 0..<count, in `shards` shards of equal length, each closed by a 0.
func countingDataset(
    _ folder: TestFolder, count: Int, sampleTokens: Int, shards: Int = 1
) throws(CorpusError) -> TokenDataset {
    let encoder = TokenEncoder(endOfText: 0, vocabularySize: 1 << 20, tokenizerHash: 7) {
        $0.split(separator: 0x20).dropFirst().map {
            Int32(String(decoding: $0, as: UTF8.self)) ?? -1
        }
    }
    let each = count / shards
    var length = 0
    for shard in 0..<shards {
        // Equal lengths, so that a unit of that many bytes is one file.
        let numbers = (shard * each..<(shard + 1) * each).map { String(1_000_000 + $0).dropFirst() }
        let text = "ids " + numbers.joined(separator: " ")
        folder.write("in/\(100 + shard).txt", text)
        length = text.utf8.count
    }
    try prepare([folder("in")], to: folder("out"), encoder: encoder) { $0.unitBytes = length }
    return try TokenDataset.open(
        folder("out"), sampleTokens: sampleTokens, vocabularySize: 1 << 20)
}
