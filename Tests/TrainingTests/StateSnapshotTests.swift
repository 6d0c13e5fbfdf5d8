import Checkpoints
import Foundation
import Kernels
import Objectives
import Synchronization
import TestSupport
import Testing
import TextData
import Training

/// Snapshots whose arrays are read where they lie, against copies of them.
@Suite struct StateSnapshotTests {
    enum Precision: CaseIterable {
        case float32, bfloat16, split, float16
    }

    /// A run a few steps on, whose arrays change with each further one.
    private final class Run {
        let tiny: TinyRun
        private let reference: ReferenceFile
        private var steps = 0

        init(_ precision: Precision) throws {
            let types: [Precision: ElementType] = [
                .float32: .float32, .bfloat16: .bfloat16, .split: .bfloat16, .float16: .float16,
            ]
            tiny = try TinyRun(
                configuration: try References.text("models/llama/config.json"),
                weights: "models/llama/model.safetensors",
                computeType: try #require(types[precision]), splits: precision == .split)
            reference = try ReferenceFile("models/llama/reference.safetensors")
            for _ in 0..<2 { try step() }
        }

        func step() throws {
            let part = steps * 48..<(steps + 1) * 48
            let batch = TokenBatch(
                rows: 2, columns: 24, ids: Array(try reference.integers("steps.input_ids")[part]),
                targets: Array(try reference.integers("steps.targets")[part]))
            steps += 1
            let outcome = try tiny.loop.step(
                ObjectiveStep(tiny.objective, [batch]), number: steps, learningRate: 1e-2)
            #expect(outcome.isApplied)
        }

        func snapshot(readable: Bool) throws -> StateSnapshot {
            try #require(
                try tiny.loop.snapshot(
                    of: tiny.store.parameters, moments: true, readable: readable))
        }
    }

    // However far the writer has come when the next updates follow.
    @Test(arguments: Precision.allCases)
    func laterStepsDoNotChangeASnapshot(precision: Precision) throws {
        let run = try Run(precision)
        for round in 0..<12 {
            let copied = try state(of: run.snapshot(readable: false))
            let snapshot = try run.snapshot(readable: true)
            snapshot.piece = round % 2 == 0 ? 300 : 1 << 21
            run.tiny.loop.willUpdate = { snapshot.detach() }
            let found = Mutex<TrainingState?>(nil)
            let isDone = DispatchSemaphore(value: 0)
            Thread {
                usleep(UInt32(round) * 200)
                let state = try? state(of: snapshot)
                found.withLock { $0 = state }
                isDone.signal()
            }.start()
            for _ in 0..<3 { try run.step() }
            isDone.wait()
            let isSame = found.withLock { $0 } == copied
            #expect(isSame, "round \(round)")
            #expect(copied.firstMoment.contains { $0.values.contains { $0 != 0 } })
        }
        run.tiny.loop.willUpdate = nil
    }

    @Test func aSnapshotThatIsNotDetachedShowsTheArraysAsTheyAre() throws {
        let run = try Run(.split)
        let (before, copied) = (
            try run.snapshot(readable: true), try state(of: run.snapshot(readable: false))
        )
        try run.step()
        let now = try state(of: run.snapshot(readable: false))
        let found = try state(of: before)
        let (isNow, isCopied) = (found == now, found == copied)
        #expect(isNow && !isCopied)
    }
}

/// What a checkpoint made of a snapshot holds.
private func state(of snapshot: StateSnapshot) throws -> TrainingState {
    let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("lockstep-snapshot-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = HDF5CheckpointStore(folder: folder, program: "test")
    let metadata = CheckpointMetadata(
        step: 3, configuration: "", modelConfiguration: "{}", tokenizer: [:],
        data: DataPosition(
            samplesConsumed: 0, tokensSeen: 0, seed: 0, epoch: 0, sampleTokens: 0,
            datasetTokens: 0), scaler: nil, random: RandomState(seed: 0), history: "{}",
        optimizer: "adamw", optimizerSteps: 3)
    try store.write(metadata) { writer throws(CheckpointError) in
        try snapshot.append(to: writer)
    }
    return try store.read(step: 3)
}
