import Autograd
import Distributed
import Kernels

/// Ranks that each update their share of masters kept in halves: after sharing every rank reads what
/// all have updated, and once masters are completed it holds all of their bits.
func checkSharedMasters(_ communicator: any Communicator) throws(CommunicationError) {
    let workspace = testWorkspace()
    // Large enough for whole pages to be given back.
    let matrix = Parameter(name: "w", shape: [3000, 2000], initializer: .normal(deviation: 1))
    let table = Parameter(name: "wte", shape: [700, 512], initializer: .normal(deviation: 1))
    let norms = (0..<3).map {
        Parameter(name: "norm\($0)", shape: [2000 + $0], initializer: .ones)
    }
    let last = Parameter(name: "v", shape: [2000, 1500], initializer: .normal(deviation: 1))
    table.isLookedUp = true
    let store = ParameterStore(
        [table, norms[0], matrix, norms[1], last, norms[2]], computeType: .bfloat16,
        training: true, splits: true, in: workspace)
    store.initialize(seed: 1)
    let reducer = GradientReducer(
        store, over: communicator,
        settings: GradientReducer.Settings(bucketBytes: 1 << 22, overlaps: false, divides: true))
    reducer.releaseUnownedMasters()
    guard let masters = store.splitMasters else { preconditionFailure("masters are split") }
    for round in 1...2 {
        let numbers = (0..<store.count).map { index in
            Float((index &* 7919 &+ round) % 100_003) / 100_003 - 0.5
        }
        for range in reducer.ownedRanges {
            workspace.store(
                Array(numbers[range]), into: masters.advanced(by: range.lowerBound))
        }
        store.refreshSmallValues()  // as after every update
        try reducer.shareMasters(in: workspace)
        for slot in store.slots {
            let (parameter, wanted) = (slot.parameter, numbers[slot.range])
            let values = workspace.numbers(parameter.value, count: parameter.count)
            // bfloat16 keeps eight bits; norms stay whole.
            let roundoff = parameter.isMatrix ? Float(0x1p-8) : 0
            expect(
                zip(values, wanted).allSatisfy { abs($0 - $1) <= abs($1) * roundoff },
                "\(parameter.name) after round \(round)")
            guard parameter === table else { continue }
            expect(workspace.numbers(table) == Array(wanted), "rows of the table are rounded")
        }
        // As a checkpoint does, after which training goes on, or the model is exported.
        try reducer.completeMasters()
        reducer.releaseUnownedMasters()
        if round == 1 { continue }
        try reducer.completeMasters()
        for slot in store.slots {
            expect(
                workspace.numbers(slot.parameter) == Array(numbers[slot.range]),
                "bits of \(slot.parameter.name) are missing")
        }
    }
}
