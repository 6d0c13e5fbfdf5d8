import Foundation
import Testing
import TextData

@Suite struct CorpusErrorTests {
    @Test(
        "Messages are one line and name what they are about",
        arguments: [
            (CorpusError.noInput("data/*.txt"), ["data/*.txt", "check the path"]),
            (.emptyCorpus("in"), ["empty corpus", "in", ".jsonl"]),
            (.unsupportedFile(file: "a.xz", kind: "a .xz file"), ["a.xz", "convert"]),
            (.utf16(file: "a.txt"), ["a.txt", "UTF-8"]),
            (.badRecord(file: "a.jsonl", place: "line 3", problem: "p"), ["a.jsonl, line 3: p"]),
            (.damaged(file: "a.gz", format: "gzip", problem: "ends"), ["a.gz: ends", "gzip"]),
            (
                .setting(name: "threads", found: "0", expected: "1"),
                ["threads: 0 found, 1 expected"]
            ),
            (.tokenOutOfRange(id: 9, vocabularySize: 5, file: "a.txt"), ["a.txt", "9", "5"]),
            (.changedInput(file: "a.txt"), ["a.txt: changed", "again"]),
            (.incomplete(folder: "out", missing: 2, units: 9, first: "s"), ["out", "2 of 9", "s"]),
            (.noDataset(path: "out", problem: "p"), ["out: p", "lockstep prepare"]),
            (.manifest(file: "dataset.json", problem: "p"), ["dataset.json: p"]),
            (.wrongMagic(file: "a", found: "x"), ["a: starts with x", "LSTKSHRD"]),
            (.unsupportedVersion(file: "a", found: 3, newest: 1), ["a: version 3", "1"]),
            (.damagedHeader(file: "a", problem: "p"), ["a: damaged header, p"]),
            (.size(file: "a", expected: 9, found: 7), ["a: truncated", "9 bytes", "7 found"]),
            (.size(file: "a", expected: 7, found: 9), ["a: too long"]),
            (.checksum(file: "a", expected: 1, found: 0xAB), ["00000001", "000000ab"]),
            (.changedShard(file: "a"), ["a: not the shard"]),
            (
                .vocabularyMismatch(file: "a", largest: 9, vocabularySize: 5),
                ["vocabulary mismatch", "9"]
            ),
            (
                .tooFewTokens(path: "a", tokens: 4, sampleTokens: 8),
                ["a: 4 tokens", "9", "cutoff_len 8"]
            ),
            (.heldOut(valSize: 1.5, samples: 10), ["val_size: 1.5", "10 samples"]),
            (.system(call: "open", code: EACCES, file: "a"), ["a: open failed", "permissions"]),
            (.stopped, ["stopped"]),
        ])
    func messagesAreOneLine(error: CorpusError, parts: [String]) {
        let message = "\(error)"
        #expect(!message.contains("\n"))
        for part in parts { #expect(message.contains(part), "\(message)") }
    }
}
