import CheckpointSupport
import Checkpoints
import Foundation
import Synchronization
import Testing

/// A store that writes nothing, fails on demand and shows how many writes overlap.
private final class ProbeStore: CheckpointStore {
    private struct State {
        var steps: [Int] = []
        var failing = false
        var underWay = 0
        var mostUnderWay = 0
    }
    private let state = Mutex(State())
    /// Writes wait for it where it is set.
    let gate: DispatchSemaphore?

    init(gate: DispatchSemaphore? = nil) { self.gate = gate }

    var failing: Bool {
        get { state.withLock { $0.failing } }
        set { state.withLock { $0.failing = newValue } }
    }
    var mostUnderWay: Int { state.withLock { $0.mostUnderWay } }

    func steps() throws(CheckpointError) -> [Int] { state.withLock { $0.steps } }

    func write(_ new: TrainingState) throws(CheckpointError) {
        state.withLock {
            $0.underWay += 1
            $0.mostUnderWay = max($0.mostUnderWay, $0.underWay)
        }
        gate?.wait()
        let failed = state.withLock {
            $0.underWay -= 1
            if !$0.failing { $0.steps.append(new.step) }
            return $0.failing
        }
        if failed { throw .system(call: "write", code: ENOSPC, file: "x") }
    }

    func read(step: Int) throws(CheckpointError) -> TrainingState { Sample.state(step: step) }

    func prune(_ retention: Retention) throws(CheckpointError) -> [Int] {
        state.withLock {
            let surplus = retention.surplus(of: $0.steps)
            $0.steps.removeAll(where: surplus.contains)
            return surplus
        }
    }
}

extension BackgroundCheckpointWriter {
    /// Writes a whole state to `store`, the writer's own.
    fileprivate func submit(
        _ state: TrainingState, to store: any CheckpointStore, retention: Retention? = nil
    ) {
        submit(step: state.step, retention: retention) { () throws(CheckpointError) in
            try store.write(state)
        }
    }
}

@Suite struct BackgroundCheckpointWriterTests {
    @Test func submittedStatesAreOnDiskAfterFinish() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            let writer = BackgroundCheckpointWriter(store: store)
            for step in 1...4 {
                writer.submit(
                    Sample.state(step: step), to: store, retention: Retention(limit: 2, best: nil))
            }
            writer.finish()
            #expect(try store.steps() == [3, 4])
            #expect(try store.read(step: 4) == Sample.state(step: 4))
            let results = writer.takeResults()
            #expect(results.map(\.step) == [1, 2, 3, 4])
            #expect(results.map(\.pruned) == [[], [], [1], [2]])
            #expect(
                results.allSatisfy { $0.error == nil && $0.pruneError == nil && $0.seconds > 0 })
            #expect(writer.takeResults().isEmpty)
        }
    }

    @Test func submitReturnsWhileTheSaveIsUnderWay() throws {
        let gate = DispatchSemaphore(value: 0)
        let store = ProbeStore(gate: gate)
        let writer = BackgroundCheckpointWriter(store: store)
        writer.submit(Sample.state(step: 1), to: store)
        #expect(try store.steps() == [])
        gate.signal()
        writer.finish()
        #expect(try store.steps() == [1])
    }

    @Test func submitWaitsForThePreviousSave() {
        let gate = DispatchSemaphore(value: 0)
        let store = ProbeStore(gate: gate)
        let writer = BackgroundCheckpointWriter(store: store)
        let opener = Thread { for _ in 0..<5 { gate.signal() } }
        writer.submit(Sample.state(step: 1), to: store)
        opener.start()
        for step in 2...5 { writer.submit(Sample.state(step: step), to: store) }
        writer.finish()
        #expect(writer.takeResults().map(\.step) == [1, 2, 3, 4, 5])
        #expect(store.mostUnderWay == 1)
    }

    @Test func failuresInARowAreCounted() {
        let store = ProbeStore()
        let writer = BackgroundCheckpointWriter(store: store)
        var counts: [Int] = []
        for (step, failing) in [true, true, false, true].enumerated() {
            store.failing = failing
            writer.submit(
                Sample.state(step: step), to: store, retention: Retention(limit: 1, best: nil))
            writer.finish()
            counts.append(writer.consecutiveFailures)
        }
        #expect(counts == [1, 2, 0, 1])
        let errors = writer.takeResults().map { $0.error?.isStorageFull ?? false }
        #expect(errors == [true, true, false, true])
    }

    @Test func streamedSaveRunsInTheBackground() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            let writer = BackgroundCheckpointWriter(store: store)
            let state = Sample.state(step: 11)
            writer.submit(step: 11) { () throws(CheckpointError) in
                try store.write(state.metadata) { file throws(CheckpointError) in
                    for group in CheckpointGroup.standard {
                        for array in state[group] { try file.append(array, to: group) }
                    }
                }
            }
            writer.finish()
            #expect(try store.read(step: 11) == state)
        }
    }

    @Test func droppingTheWriterWaitsForTheSave() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            do {
                let writer = BackgroundCheckpointWriter(store: store)
                writer.submit(Sample.state(step: 2), to: store)
            }
            #expect(try store.steps() == [2])
        }
    }

    @Test func threadsMayReadWhileOneWrites() throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 1))
            let writer = BackgroundCheckpointWriter(store: store)
            for step in 2...6 {
                writer.submit(Sample.state(step: step), to: store)
                DispatchQueue.concurrentPerform(iterations: 4) { _ in
                    #expect((try? store.read(step: 1)) == Sample.state(step: 1))
                }
            }
            writer.finish()
            #expect(try store.steps() == [1, 2, 3, 4, 5, 6])
        }
    }
}
