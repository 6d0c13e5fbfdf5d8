import CheckpointSupport
import Checkpoints
import Foundation
import Testing

@Suite struct ChecksumTests {
    @Test func checksumsEqualTheOriginalLibrarys() throws {
        let expected = try Sample.decode([String: [String: String]].self, "checksums.json")
        let sequence = (0..<5000).map { UInt8(($0 * 131 + 7) % 251) }
        #expect(Set(expected.keys) == Set(Checksum.allCases.map(\.name)))
        for (name, checksums) in expected {
            let algorithm = try #require(Checksum(rawValue: name))
            #expect(checksums.count > 130)
            for (length, value) in checksums {
                let bytes = Array(sequence.prefix(try #require(Int(length))))
                let found = bytes.withUnsafeBytes { algorithm.text(of: $0) }
                #expect(found == value, "\(name) of \(length) bytes")
            }
        }
    }

    @Test(arguments: Checksum.allCases)
    func unalignedBytesHaveTheSameChecksum(algorithm: Checksum) {
        let bytes = (0..<200).map { UInt8($0) }
        bytes.withUnsafeBytes { all in
            let part = UnsafeRawBufferPointer(rebasing: all[3...])
            let copy = Array(part)
            #expect(algorithm.text(of: part) == copy.withUnsafeBytes { algorithm.text(of: $0) })
        }
    }

    /// 256 bytes are collected, 1024 are a block, each of which ends differently.
    @Test(arguments: [1, 7, 64, 255, 256, 257, 1024, 3000, 5000])
    func bytesThatComeInPiecesHaveTheSameChecksum(length: Int) {
        let bytes = (0..<5000).map { UInt8($0 % 251) }
        let stream = ChecksumStream()
        bytes.withUnsafeBytes { all in
            for start in stride(from: 0, to: all.count, by: length) {
                stream.add(
                    UnsafeRawBufferPointer(rebasing: all[start..<min(start + length, all.count)]))
            }
            #expect(stream.text == Checksum.written.text(of: all))
        }
    }
}

@Suite struct CheckpointInspectionTests {
    @Test func linesSayWhatTheFileHolds() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 30))
            let inspection = CheckpointInspection(path: store.path(step: 30))
            let text = try inspection.lines().joined(separator: "\n")
            for part in [
                "checkpoint of step 30", "by lockstep 0.0-test",
                "model llama, 209 parameters in 5 arrays",
                "optimizer adamw after 29 updates, moments of 209 and 209 numbers",
                "loss scale 65536.0 after 12 good steps, hysteresis 2, 1 steps skipped",
                "960 samples of 64 tokens consumed, 61440 tokens seen",
                "tokenizer file tokenizer.json, 31 bytes", "  learning_rate: 1e-4",
                "  model.embed_tokens.weight  17 × 8  544 bytes", "  scalar  scalar  4 bytes",
                "/optimizer/first_moment: 5 arrays",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            #expect(inspection.verify().isEmpty)
        }
    }

    @Test func absentFileIsNamed() throws {
        try Sample.withFolder { folder throws in
            let path = folder + "/checkpoint-1.h5"
            let expected = CheckpointError.system(call: "open", code: ENOENT, file: path)
            #expect(CheckpointInspection(path: path).verify() == [expected])
            #expect(thrown { _ = try CheckpointInspection(path: path).lines() } == expected)
        }
    }

    @Test func messagesAreOneLineAndNameTheFile() {
        let errors: [CheckpointError] = [
            .noCheckpoint(folder: "F", step: nil), .noCheckpoint(folder: "F", step: 3),
            .system(call: "write", code: ENOSPC, file: "F"),
            .library(call: "H5Fopen", detail: "truncated", file: "F"),
            .damaged(entry: "e", found: "1", expected: "2", file: "F"),
            .missing(entry: "e", file: "F"), .unknown(entry: "e", file: "F"),
            .shape(entry: "e", found: [1], expected: [2], file: "F"),
            .malformed(detail: "d", file: "F"),
            .unsupportedFormat(found: 2, newest: 1, file: "F"),
            .unsupportedType(entry: "e", found: "x", supported: "y", file: "F"),
        ]
        for error in errors {
            #expect(!error.description.contains("\n"))
            #expect(error.description.contains("F"))
        }
        #expect(errors[2].description.contains("write failed on F: No space left on device"))
    }
}
