import CheckpointSupport
import Checkpoints
import Foundation
import Testing

@Suite struct DamageTests {
    /// Every dataset of the sample that has bytes.
    private func datasets() -> [String] {
        let state = Sample.state(step: 8)
        var paths = CheckpointGroup.standard.flatMap { group in
            state[group].filter { !$0.values.isEmpty }.map { "\(group.rawValue)/\($0.name)" }
        }
        paths += ["configuration", "model_configuration", "history", "manifest"].map {
            "/meta/\($0)"
        }
        paths += state.metadata.tokenizer.keys.map { "/meta/tokenizer/\($0)" }
        return paths
    }

    @Test func flippedByteInAnyDatasetIsFoundAndNamed() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 8))
            let path = store.path(step: 8)
            for dataset in datasets() {
                let offset = try #require(try HDF5File.open(at: path).offset(of: dataset))
                for mask: UInt8 in [0x01, 0x80] {
                    try Sample.flip(path, at: offset, with: mask)
                    guard
                        case .damaged(let entry, _, _, _)? = thrown({ _ = try store.read(step: 8) })
                    else {
                        Issue.record("\(dataset): no damage reported")
                        continue
                    }
                    #expect(entry == dataset)
                    let found = CheckpointInspection(path: path).verify()
                    #expect(found.contains { $0.description.contains(dataset) })
                    try Sample.flip(path, at: offset, with: mask)
                }
            }
            #expect(CheckpointInspection(path: path).verify().isEmpty)
        }
    }

    @Test func flippedByteAnywhereNeverGivesAnotherState() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            let state = Sample.state(step: 8)
            try store.write(state)
            let path = store.path(step: 8)
            let bytes = try Data(contentsOf: URL(filePath: path)).count
            var rejected = 0
            for offset in stride(from: 0, to: bytes, by: 17) {
                try Sample.flip(path, at: offset)
                if let read = try? store.read(step: 8) {
                    #expect(read == state, "byte \(offset)")
                } else {
                    rejected += 1
                }
                try Sample.flip(path, at: offset)
            }
            #expect(rejected > 100)
            #expect(try store.read(step: 8) == state)
        }
    }

    @Test func verifyNamesEveryDamagedDataset() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 8))
            let path = store.path(step: 8)
            let bad = [
                "/model/scalar", "/optimizer/second_moment/model.norm.weight", "/meta/history",
            ]
            for dataset in bad {
                let offset = try #require(try HDF5File.open(at: path).offset(of: dataset))
                try Sample.flip(path, at: offset)
            }
            let entries = CheckpointInspection(path: path).verify().compactMap { error in
                if case .damaged(let entry, _, _, _) = error { entry } else { nil }
            }
            #expect(Set(entries) == Set(bad))
        }
    }

    @Test func truncatedFilesAreReportedAtEveryLength() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 8))
            let whole = try Data(contentsOf: URL(filePath: store.path(step: 8)))
            let lengths = Array(stride(from: 0, to: whole.count, by: 29)) + [whole.count - 1]
            for length in lengths {
                try whole.prefix(length).write(to: URL(filePath: store.path(step: 9)))
                let error = thrown { _ = try store.read(step: 9) }
                #expect(error?.description.contains("checkpoint-9.h5") == true, "length \(length)")
            }
        }
    }

    @Test func otherFilesAreRefused() throws {
        try Sample.withFolder { folder throws in
            let path = folder + "/checkpoint-1.h5"
            for text in ["", "not HDF5", String(repeating: "x", count: 100_000)] {
                try Data(text.utf8).write(to: URL(filePath: path))
                #expect(thrown { _ = try CheckpointReader(path: path) } != nil)
            }
            let file = try HDF5File.create(at: path)
            try file.createGroup("/model")
            try file.close()
            let error = thrown { _ = try CheckpointReader(path: path) }
            #expect(error?.description.contains("not a checkpoint of lockstep") == true)
        }
    }

    @Test func newerFormatIsRefused() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 3))
            let file = try HDF5File.create(at: store.path(step: 4))
            try file.createGroup("/meta")
            try file.setAttribute("format", .text("lockstep checkpoint"), on: "/meta")
            try file.setAttribute("format_version", .integer(3), on: "/meta")
            try file.close()
            let expected = CheckpointError.unsupportedFormat(
                found: 3, newest: 2, file: store.path(step: 4))
            #expect(thrown { _ = try store.read(step: 4) } == expected)
            #expect(thrown { _ = try store.readNewest() } == expected)
        }
    }

    @Test func missingAndUnknownEntriesAreErrors() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            let path = store.path(step: 8)
            try store.write(Sample.state(step: 8))
            try edit(path) { try $0.unlink("/model/model.norm.weight") }
            #expect(
                thrown { _ = try store.read(step: 8) }
                    == .missing(entry: "/model/model.norm.weight", file: path))

            let additions: [(String, (HDF5File) throws -> Void)] = [
                ("/model/extra", { try $0.writeText("/model/extra", "x") }),
                ("/extra", { try $0.createGroup("/extra") }),
                ("/meta/tokenizer/x", { try $0.writeText("/meta/tokenizer/x", "x") }),
                (
                    "attribute extra of /optimizer",
                    { try $0.setAttribute("extra", .integer(1), on: "/optimizer") }
                ),
            ]
            for (entry, addition) in additions {
                try store.write(Sample.state(step: 8))
                try edit(path, addition)
                #expect(
                    thrown { _ = try store.read(step: 8) } == .unknown(entry: entry, file: path))
            }
            for group in ["/data", "/meta", "/scaler"] {
                try store.write(Sample.state(step: 8))
                try edit(path) { try $0.setAttribute("extra", .real(1), on: group) }
                let error = thrown { _ = try store.read(step: 8) }
                #expect(error?.description.contains("the attributes of \(group)") == true)
            }
        }
    }

    private func edit(_ path: String, _ body: (HDF5File) throws -> Void) throws {
        let file = try HDF5File.open(at: path, forEditing: true)
        try body(file)
        try file.close()
    }
}
