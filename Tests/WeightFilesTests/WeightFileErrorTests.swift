import CheckpointSupport
import Files
import Foundation
import Testing
import WeightFiles

@Suite struct WeightFileErrorTests {
    @Test func fullStorageIsReported() async {
        await #expect(processExitsWith: .success) {
            try Sample.withFolder { folder throws in
                signal(SIGXFSZ, SIG_IGN)
                try #require(Sample.limitFiles(toBytes: 5000))
                let array = ArrayDescription(name: "w", shape: [5000])
                let error = thrown {
                    try SafetensorsFile.write(folder + "/w.safetensors", arrays: [array]) { _ in
                        [Float](repeating: 1, count: 5000)
                    }
                }
                try #require(error?.isStorageFull == true)
                try #require(try Sample.names(folder).isEmpty)
            }
        }
    }

    @Test func aPipeIsNoWeightFile() throws {
        try Sample.withFolder { folder throws in
            let path = folder + "/model.safetensors"
            #expect(mkfifo(path, 0o600) == 0)
            let expected = WeightFileError.file(.notRegular(file: path, kind: "a pipe"))
            #expect(thrown { _ = try SafetensorsFile(path: path) } == expected)
        }
    }

    @Test func messagesAreOneLineAndNameTheFile() {
        let errors: [WeightFileError] = [
            .system(call: "write", code: ENOSPC, file: "F"),
            .missing(entry: "e", file: "F"), .unknown(entry: "e", file: "F"),
            .differs(entry: "e", expected: "x", file: "F"),
            .shape(entry: "e", found: [1], expected: [2], file: "F"),
            .malformed(detail: "d", file: "F"),
            .unsupportedFormat(found: 2, newest: 1, file: "F"),
            .unsupportedType(entry: "e", found: "x", supported: "y", file: "F"),
            .file(.invalidName(file: "F")),
            .noWeights(folder: "F", found: []),
            .noWeights(folder: "F", found: ["pytorch_model.bin"]),
        ]
        for error in errors {
            #expect(!error.description.contains("\n"))
            #expect(error.description.contains("F"))
        }
        #expect(
            errors[0].description
                == "write failed on F: No space left on device (errno 28); free space there or "
                + "choose another folder")
    }
}

/// The error of this room that `body` throws; `nil` where it throws none.
func thrown(_ body: () throws -> Void) -> WeightFileError? {
    do {
        try body()
        return nil
    } catch {
        return error as? WeightFileError
    }
}

extension WeightFileError? {
    var isInvalidName: Bool {
        if case .content(.invalidName) = self { true } else { false }
    }
}

extension WeightFileError {
    /// Whether there was no room, or the test's own limit of a file's size was met.
    var isStorageFull: Bool {
        guard case .system(_, let code, _) = self else { return false }
        return code == ENOSPC || code == EDQUOT || code == EFBIG
    }
}
