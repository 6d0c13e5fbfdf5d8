import CheckpointSupport
import Checkpoints
import Files
import Foundation
import Testing

@Suite struct RoundTripTests {
    @Test func everythingReadEqualsWhatWasWritten() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            let state = Sample.state(step: 30)
            try store.write(state)
            let read = try store.read(step: 30)
            #expect(read.metadata == state.metadata)
            for group in CheckpointGroup.standard {
                #expect(read[group].map(\.name) == state[group].map(\.name))
                #expect(read[group].map(\.shape) == state[group].map(\.shape))
                #expect(bits(read[group]) == bits(state[group]))
            }
            #expect(try Sample.names(folder) == ["checkpoint-30.h5"])
        }
    }

    /// What an optimizer keeps has names and shapes of its own.
    @Test func furtherArraysOfTheOptimizerReadAsWritten() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            var state = Sample.state(step: 4)
            state[.optimizer("row_sums")] = [Sample.array("a.weight", [3], seed: 9)]
            state[.firstMoment] = []
            try store.write(state)
            #expect(try store.read(step: 4) == state)
            let reader = try store.open(step: 4)
            #expect(reader.groups.contains(.optimizer("row_sums")))
            #expect(try reader.state(modelOnly: true).optimizer.isEmpty)
        }
    }

    // Rows of 3 and 6 numbers; pieces of one row, not dividing the rows, and larger than all.
    @Test(arguments: [6, 7, 30, 100])
    func arraysWrittenInPiecesReadTheSame(most: Int) throws {
        try Sample.withFolder { folder throws in
            let arrays = [
                Sample.array("matrix", [10, 3], seed: 1), Sample.array("cube", [5, 2, 3], seed: 2),
                Sample.array("row", [11], seed: 3), Sample.array("number", [], seed: 4),
                Sample.array("nothing", [0, 3], seed: 5),
            ]
            let metadata = Sample.metadata(step: 1)
            try Sample.store(folder).write(metadata) { writer throws(CheckpointError) in
                for array in arrays {
                    let description = ArrayDescription(name: array.name, shape: array.shape)
                    var ranges: [Range<Int>] = []
                    let room = UnsafeMutableBufferPointer<Float>.allocate(
                        capacity: max(most, 6))
                    defer { room.deallocate() }
                    try writer.append(description, to: .model, through: room) { range, place in
                        ranges.append(range)
                        for (offset, index) in range.enumerated() {
                            room[place + offset] = array.values[index]
                        }
                    }
                    #expect(ranges.flatMap { Array($0) } == Array(array.values.indices))
                }
            }
            let state = TrainingState(metadata: metadata, model: arrays)
            #expect(try Sample.store(folder).read(step: 1) == state)
        }
    }

    // Pieces of a megabyte and several blocks, where direct writes take them and where they are copied
    // first; rows of one block of the file, and of one and a half.
    @Test(arguments: [0, 16])
    func largeArraysWrittenInPiecesReadTheSame(offset: Int) throws {
        try Sample.withFolder { folder throws in
            let arrays = [
                Sample.array("whole", [700, 1024], seed: 1),
                Sample.array("half", [401, 1536], seed: 2), Sample.array("row", [3], seed: 3),
            ]
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 << 20, alignment: 4096)
            defer { memory.deallocate() }
            let numbers = memory.bindMemory(to: Float.self)
            let room = UnsafeMutableBufferPointer(rebasing: numbers[offset..<offset + (1 << 18)])
            let metadata = Sample.metadata(step: 1)
            try Sample.store(folder).write(metadata) { writer throws(CheckpointError) in
                for array in arrays {
                    let description = ArrayDescription(name: array.name, shape: array.shape)
                    try writer.append(description, to: .model, through: room) { range, place in
                        for (offset, index) in range.enumerated() {
                            room[place + offset] = array.values[index]
                        }
                    }
                }
            }
            let isSame =
                try Sample.store(folder).read(step: 1)
                == TrainingState(metadata: metadata, model: arrays)
            #expect(isSame)
        }
    }

    @Test func nanKeepsItsBits() throws {
        try Sample.withFolder { folder throws in
            let odd = Float(bitPattern: 0xFFA0_1234)
            let array = NamedArray(name: "w", shape: [2], values: [odd, .nan])
            let state = TrainingState(metadata: Sample.metadata(step: 1), model: [array])
            try Sample.store(folder).write(state)
            #expect(bits(try Sample.store(folder).read(step: 1).model) == bits([array]))
        }
    }

    @Test func runWithoutScalerAndMomentsReadsBack() throws {
        try Sample.withFolder { folder throws in
            var state = TrainingState(
                metadata: Sample.metadata(step: 5), model: Sample.state(step: 5).model)
            state.metadata.scaler = nil
            state.metadata.tokenizer = [:]
            state.metadata.history = ""
            try Sample.store(folder).write(state)
            #expect(try Sample.store(folder).read(step: 5) == state)
            // Readers of the file find every group that the interface names.
            let file = try HDF5File.open(at: Sample.store(folder).path(step: 5))
            #expect(
                Set(try file.children(of: "/")) == [
                    "data", "meta", "model", "optimizer", "random", "scaler",
                ])
        }
    }

    @Test func thousandArraysKeepTheirOrder() throws {
        try Sample.withFolder { folder throws in
            let arrays = (0..<1000).map {
                Sample.array("layers.\(($0 * 617) % 1000).weight", [3], seed: UInt64($0))
            }
            let state = TrainingState(metadata: Sample.metadata(step: 2), model: arrays)
            try Sample.store(folder).write(state)
            #expect(try Sample.store(folder).read(step: 2) == state)
        }
    }

    @Test func largeTextsAreKept() throws {
        try Sample.withFolder { folder throws in
            var state = Sample.state(step: 3)
            state.metadata.tokenizer["tokenizer.json"] = String(repeating: "é", count: 500_000)
            state.metadata.configuration = String(repeating: "key: 1\n", count: 20_000)
            try Sample.store(folder).write(state)
            #expect(try Sample.store(folder).read(step: 3).metadata == state.metadata)
        }
    }

    @Test func sameStepIsReplaced() throws {
        try Sample.withFolder { folder throws in
            try Sample.store(folder).write(Sample.state(step: 4))
            var state = Sample.state(step: 4)
            state.model[0].values[3] = 77
            try Sample.store(folder).write(state)
            #expect(try Sample.store(folder).read(step: 4) == state)
        }
    }

    @Test func folderIsMadeWhereItIsMissing() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder + "/runs/first")
            #expect(try store.steps() == [])
            try store.write(Sample.state(step: 1))
            #expect(try store.steps() == [1])
        }
    }

    @Test func arraysCanBeVisitedAndReadIntoMemory() throws {
        try Sample.withFolder { folder throws in
            let state = Sample.state(step: 6)
            try Sample.store(folder).write(state)
            let reader = try Sample.store(folder).open(step: 6)
            var visited: [NamedArray] = []
            for array in reader.arrays(in: .secondMoment) {
                visited.append(try reader.array(array, in: .secondMoment))
            }
            #expect(visited == state.secondMoment)

            let wanted = state.model[1]
            var room = [Float](repeating: 9, count: 64)
            try room.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
                try reader.read(wanted.name, in: .model, shape: [8, 8], into: buffer)
            }
            #expect(room == wanted.values)
            #expect(try reader.state(modelOnly: true).firstMoment.isEmpty)
            #expect(try reader.state(modelOnly: true).model == state.model)
        }
    }

    @Test func otherModelsShapeAndNameAreNamed() throws {
        try Sample.withFolder { folder throws in
            try Sample.store(folder).write(Sample.state(step: 6))
            let reader = try Sample.store(folder).open(step: 6)
            var room = [Float](repeating: 0, count: 64)
            let shape = thrown {
                try room.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
                    try reader.read(
                        "model.layers.0.self_attn.q_proj.weight", in: .model, shape: [4, 16],
                        into: buffer)
                }
            }
            let path = "/model/model.layers.0.self_attn.q_proj.weight"
            #expect(
                shape
                    == .shape(entry: path, found: [8, 8], expected: [4, 16], file: reader.path))
            let name = thrown {
                try room.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
                    try reader.read("lm_head.weight", in: .model, shape: [8, 8], into: buffer)
                }
            }
            #expect(name == .missing(entry: "/model/lm_head.weight", file: reader.path))
        }
    }

    @Test(arguments: ["", ".", "..", "a/b", "a\nb"])
    func namesThatHDF5CannotHoldAreRefused(name: String) throws {
        try Sample.withFolder { folder throws in
            var state = Sample.state(step: 1)
            state.model[0].name = name
            #expect(thrown { try Sample.store(folder).write(state) }.isInvalidName)
            #expect(try Sample.names(folder).isEmpty)
        }
    }

    // A file may lie in a folder below the model's, and nowhere else.
    @Test(arguments: ["", ".", "..", "../b", "a/../../b", "/b", "a//b", "a/", "a:b", "a\nb"])
    func filesOutsideTheFolderAreRefused(name: String) throws {
        try Sample.withFolder { folder throws in
            var state = Sample.state(step: 1)
            state.metadata.tokenizer[name] = "text"
            #expect(thrown { try Sample.store(folder).write(state) }.isInvalidName)
            #expect(try Sample.names(folder).isEmpty)
        }
    }

    @Test func nameGivenTwiceIsRefused() throws {
        try Sample.withFolder { folder throws in
            var state = Sample.state(step: 1)
            state.model.append(state.model[0])
            #expect(thrown { try Sample.store(folder).write(state) }.isInvalidName)
            #expect(try Sample.names(folder).isEmpty)
        }
    }

    @Test func fileOfFormatOneStaysReadable() throws {
        // Written by the first version of this program; see scripts/check_checkpoints.py.
        let reader = try CheckpointReader(path: Sample.reference("checkpoint-7.h5"))
        #expect(try reader.state() == Sample.state(step: 7))
        #expect(reader.stamp.program == "0.0-test")
    }

    private func bits(_ arrays: [NamedArray]) -> [[UInt32]] {
        arrays.map { $0.values.map(\.bitPattern) }
    }
}

/// The error of this room that `body` throws; `nil` where it throws none.
func thrown(_ body: () throws -> Void) -> CheckpointError? {
    do {
        try body()
        return nil
    } catch {
        return error as? CheckpointError
    }
}

extension CheckpointError? {
    var isInvalidName: Bool {
        if case .content(.invalidName) = self { true } else { false }
    }
}
