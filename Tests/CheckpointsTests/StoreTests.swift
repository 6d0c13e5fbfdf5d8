import CheckpointSupport
import Checkpoints
import Foundation
import Testing

@Suite struct StoreTests {
    @Test func stepsAreSortedByNumber() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            for step in [100, 9, 20] { try store.write(Sample.state(step: step)) }
            #expect(try store.steps() == [9, 20, 100])
        }
    }

    @Test func onlyFilesUnderTheFinalNameCount() throws {
        try Sample.withFolder { folder throws in
            let others = [
                ".checkpoint-5.h5.tmp-123", "checkpoint-5.h5.tmp", "checkpoint-.h5",
                "checkpoint-007.h5", "checkpoint-x.h5", "checkpoint-5", "trainer_log.jsonl",
            ]
            for name in others { try Data().write(to: URL(filePath: folder + "/" + name)) }
            try Sample.store(folder).write(Sample.state(step: 5))
            #expect(try Sample.store(folder).steps() == [5])
        }
    }

    @Test func leftoversAreRemovedAndNothingElse() throws {
        try Sample.withFolder { folder throws in
            let kept = [".checkpoint-5.h5.tmp", ".other.tmp-123", "checkpoint-1.h5"]
            let leftovers = [".checkpoint-12.h5.tmp-99", ".checkpoint-5.h5.tmp-123"]
            for name in kept + leftovers {
                try Data([1]).write(to: URL(filePath: folder + "/" + name))
            }
            #expect(try Sample.store(folder).removeLeftovers() == leftovers)
            #expect(try Sample.names(folder) == kept)
        }
    }

    @Test func unfinishedWriterLeavesNothing() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 1))
            let error = thrown {
                try store.write(Sample.metadata(step: 2)) { writer throws(CheckpointError) in
                    try writer.append(Sample.state(step: 2).model[0], to: .model)
                    let hidden = (try? Sample.names(folder)) ?? []
                    #expect(hidden.contains { $0.hasPrefix(".checkpoint-2.h5.tmp-") })
                    #expect((try? store.steps()) == [1])
                    throw .noCheckpoint(folder: "provoked", step: nil)
                }
            }
            #expect(error == .noCheckpoint(folder: "provoked", step: nil))
            #expect(try Sample.names(folder) == ["checkpoint-1.h5"])
        }
    }

    @Test func newestIsReadAndEmptyFolderHasNone() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            #expect(try store.readNewest().state == nil)
            try store.write(Sample.state(step: 9))
            try store.write(Sample.state(step: 10))
            let (state, rejected) = try store.readNewest()
            #expect(state == Sample.state(step: 10))
            #expect(rejected.isEmpty)
        }
    }

    @Test func brokenNewestIsReportedAndTheOneBeforeIsUsed() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            for step in [1, 2, 3] { try store.write(Sample.state(step: step)) }
            try Data("half a file".utf8).write(to: URL(filePath: store.path(step: 3)))
            let path = store.path(step: 2)
            let name = "/model/model.norm.weight"
            try Sample.flip(path, at: try #require(try HDF5File.open(at: path).offset(of: name)))

            let (state, rejected) = try store.readNewest()
            #expect(state?.step == 1)
            #expect(rejected.count == 2)
            #expect(rejected[0].description.contains("checkpoint-3.h5"))
            #expect(rejected[1].description.contains(name))

            var model: [Float] = []
            let streamed = try store.readNewest { reader throws(CheckpointError) in
                model = []
                for array in reader.arrays(in: .model) {
                    model += try reader.array(array, in: .model).values
                }
            }
            #expect(streamed.step == 1)
            #expect(streamed.rejected == rejected)
            #expect(model == Sample.state(step: 1).model.flatMap(\.values))
        }
    }

    @Test func anotherModelsArraysAreNoReasonToGoBack() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            for step in [1, 2] { try store.write(Sample.state(step: step)) }
            var calls = 0
            let error = thrown {
                _ = try store.readNewest { reader throws(CheckpointError) in
                    calls += 1
                    throw .missing(entry: "/model/x", file: reader.path)
                }
            }
            #expect(error == .missing(entry: "/model/x", file: store.path(step: 2)))
            #expect(calls == 1)
        }
    }

    @Test func absentStepIsNamed() throws {
        try Sample.withFolder { folder throws in
            let error = thrown { _ = try Sample.store(folder).read(step: 4) }
            #expect(error == .noCheckpoint(folder: folder, step: 4))
        }
    }

    @Test func renamedFileIsNoticed() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 4))
            try FileManager.default.moveItem(
                atPath: store.path(step: 4), toPath: store.path(step: 5))
            #expect(
                thrown { _ = try store.read(step: 5) }
                    == .malformed(detail: "it holds step 4", file: store.path(step: 5)))
        }
    }

    @Test(
        arguments: [
            (3, nil, [1, 2]), (1, nil, [1, 2, 3, 4]), (5, nil, []), (9, 2, []), (3, 1, [2, 3]),
            (2, 1, [2, 3, 4]), (1, 1, [2, 3, 4]), (1, 5, [1, 2, 3, 4]), (2, 77, [1, 2, 3]),
        ] as [(Int, Int?, [Int])])
    func limitKeepsTheNewestAndTheBest(limit: Int, best: Int?, surplus: [Int]) {
        #expect(Retention(limit: limit, best: best).surplus(of: [1, 2, 3, 4, 5]) == surplus)
        #expect(Retention(limit: limit, best: best).surplus(of: []) == [])
    }

    @Test func pruningRemovesTheSurplus() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            for step in 1...4 { try store.write(Sample.state(step: step)) }
            #expect(try store.prune(Retention(limit: 2, best: 1)) == [2, 3])
            #expect(try store.steps() == [1, 4])
            #expect(try store.prune(Retention(limit: 2, best: 1)) == [])
        }
    }

    @Test func nothingIsPrunedWhileTheNewestIsBroken() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            for step in 1...3 { try store.write(Sample.state(step: step)) }
            try Data("half".utf8).write(to: URL(filePath: store.path(step: 3)))
            #expect(thrown { try store.prune(Retention(limit: 1, best: nil)) } != nil)
            #expect(try store.steps() == [1, 2, 3])
        }
    }
}
