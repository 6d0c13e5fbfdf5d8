import Autograd
import Distributed
import Kernels

/// A table of embeddings tied to the logits, or with logits' weights of their own.
private struct TableModel {
    static let (vocabulary, width) = (600, 24)
    let table = Parameter(
        name: "wte", shape: [vocabulary, width], initializer: .normal(deviation: 0.3))
    let head: Parameter
    let store: ParameterStore
    let workspace = testWorkspace()

    init(isTied: Bool) {
        head =
            isTied
            ? table
            : Parameter(
                name: "head", shape: [Self.vocabulary, Self.width],
                initializer: .normal(deviation: 0.3))
        store = ParameterStore(
            isTied ? [table] : [table, head], computeType: .float32, training: true,
            in: workspace)
        store.initialize(seed: 3)
    }

    /// Adds the gradients of one micro-batch of a rank.
    func accumulate(rank: Int, micro: Int, ready: ((Parameter) -> Void)? = nil) {
        var hash = Fingerprint()
        hash.add(UInt64(rank * 10 + micro))
        // Ranks have unequal numbers of tokens, some of them named more than once.
        let ids = (0..<20 + 7 * rank).map { _ in
            hash.add(UInt64(1))
            return Int32(hash.value >> 33 & 0xffff) % (rank == 0 ? 9 : 600)
        }
        let pass = ForwardPass(
            workspace: workspace, computeType: .float32, tape: Tape(), gradientScale: 1)
        let x = pass.embedding(ids, batch: 1, table: table)
        let loss = pass.linearCrossEntropy(x, weight: head, targets: ids.reversed())
        pass.backward(from: loss, ready: ready)
    }

    var gradients: [Float] {
        store.gradients.map { workspace.numbers($0, count: store.count) } ?? []
    }
}

/// Gradients of a table of which lookups are summed row by row, against float64 sums of every rank's
/// gradients computed here; and the same bits on all ranks, whether sums overlap backward or not.
func checkTables(_ communicator: any Communicator) throws(CommunicationError) {
    for isTied in [true, false] {
        var sums = [Double](repeating: 0, count: TableModel(isTied: isTied).store.count)
        for rank in 0..<communicator.size {
            let model = TableModel(isTied: isTied)
            for micro in 0..<2 { model.accumulate(rank: rank, micro: micro) }
            for (index, value) in model.gradients.enumerated() { sums[index] += Double(value) }
        }
        for wire in [WireType.float32, .bfloat16] {
            for divides in [false, true] {
                var found: [[Float]] = []
                for overlaps in [false, true] {
                    let settings = GradientReducer.Settings(
                        bucketBytes: 1 << 12, overlaps: overlaps, divides: divides, wire: wire)
                    found.append(try reduce(communicator, isTied: isTied, settings))
                }
                expect(found[0] == found[1], "overlap changes the sums")
                // bfloat16: two roundings of numbers up to that size.
                let largest = sums.lazy.map(abs).max() ?? 0
                let allowed = largest * (wire == .float32 ? 1e-6 : 0x1p-6)
                for index in sums.indices {
                    let error = abs(Double(found[0][index]) - sums[index])
                    expect(error <= allowed, "tied \(isTied), element \(index) off by \(error)")
                }
            }
        }
    }
}

private func reduce(
    _ communicator: any Communicator, isTied: Bool, _ settings: GradientReducer.Settings
) throws(CommunicationError) -> [Float] {
    let model = TableModel(isTied: isTied)
    let reducer = GradientReducer(
        model.store, over: communicator, settings: settings,
        // Fewer rows than there are: the room for them grows.
        tables: [LookupTable(model.table, hasDensePart: isTied, mostRows: 2)])
    for _ in 0..<2 {
        reducer.prepare()
        model.accumulate(rank: communicator.rank, micro: 0)
        model.accumulate(rank: communicator.rank, micro: 1, ready: reducer.ready)
        try reducer.finish()
    }
    if let gradients = model.store.gradients {
        for bucket in reducer.buckets {
            try reducer.gather(gradients.advanced(by: bucket.range.lowerBound), of: bucket)
        }
    }
    var hash = Fingerprint()
    for value in model.gradients { hash.add(UInt64(value.bitPattern)) }
    let texts = try communicator.allGather(hash.text)
    expect(Set(texts).count == 1, "ranks differ: \(texts)")
    return model.gradients
}
