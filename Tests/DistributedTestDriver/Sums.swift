import Distributed
import Foundation

/// Sums of several lengths at once, waited for out of order. Integers, so sums are exact.
func checkSums(_ communicator: any Communicator) throws(CommunicationError) {
    let ranks = communicator.size
    let counts = [0, 1, 7, 8191, 70_000, 400_003]
    let buffers = counts.map { count in
        makeBuffer(count) { Float((communicator.rank + 1) * ($0 % 97)) }
    }
    let first = try communicator.beginSum(buffers[4])
    let second = try communicator.beginSum(buffers[5])
    let third = try communicator.beginSum(buffers[3])
    try third.wait()
    try second.wait()
    try first.wait()
    for index in [0, 1, 2] { try communicator.beginSum(buffers[index]).wait() }
    let factor = ranks * (ranks + 1) / 2
    for buffer in buffers {
        for index in buffer.indices {
            let expected = Float(factor * (index % 97))
            expect(buffer[index] == expected, "sum of \(buffer.count): element \(index)")
        }
    }

    var doubles = [Double(communicator.rank), 0.5, -1]
    try communicator.sum(&doubles)
    expect(
        doubles == [Double(ranks * (ranks - 1) / 2), 0.5 * Double(ranks), -Double(ranks)],
        "sum of doubles: \(doubles)")
    var largest = [Double(communicator.rank), -Double(communicator.rank), 3]
    if communicator.rank == ranks - 1 { largest[2] = .nan }
    try communicator.maximum(&largest)
    expect(largest == [Double(ranks - 1), 0, .infinity], "maximum: \(largest)")
    var none: [Double] = []
    try communicator.sum(&none)
    try communicator.barrier()
}

/// Reduce-scatter and all-gather with uneven and empty slices.
func checkSlices(_ communicator: any Communicator) throws(CommunicationError) {
    let ranks = communicator.size
    let layouts: [[Int]] = [
        (0..<ranks).map { 10 + $0 },
        (0..<ranks).map { $0 == 0 ? 0 : 150_000 + 7 * $0 },
        (0..<ranks).map { $0 == ranks - 1 ? 100_001 : 0 },
    ]
    for counts in layouts {
        var offsets: [Int] = []
        var next = 3  // the first elements belong to nobody
        for count in counts {
            offsets.append(next)
            next += count
        }
        let buffer = makeBuffer(next + 2) { Float((communicator.rank + 1) * ($0 % 89)) }
        try communicator.reduceScatter(buffer, counts: counts, offsets: offsets)
        let factor = ranks * (ranks + 1) / 2
        let mine =
            offsets[communicator.rank]..<offsets[communicator.rank] + counts[communicator.rank]
        for index in mine {
            expect(buffer[index] == Float(factor * (index % 89)), "reduceScatter: \(index)")
            buffer[index] += 1
        }
        try communicator.allGather(buffer: buffer, counts: counts, offsets: offsets)
        for index in 3..<next {
            expect(buffer[index] == Float(factor * (index % 89) + 1), "allGather: \(index)")
        }
        for index in [0, 1, 2, next, next + 1] {
            expect(
                buffer[index] == Float((communicator.rank + 1) * (index % 89)),
                "element \(index) outside the slices changed")
        }
    }
}

/// Texts, bytes and broadcasts.
func checkTexts(_ communicator: any Communicator) throws(CommunicationError) {
    let ranks = communicator.size
    let own = String(repeating: "ä", count: communicator.rank)
    let texts = try communicator.allGather(own)
    expect(texts == (0..<ranks).map { String(repeating: "ä", count: $0) }, "texts: \(texts)")

    let numbers = (0..<ranks).map { rank in (0..<2 * rank).map { Float(10 * rank + $0) } }
    let gathered = try communicator.allGather(numbers[communicator.rank])
    expect(
        gathered.numbers == numbers.flatMap { $0 } && gathered.counts == numbers.map(\.count),
        "numbers: \(gathered)")

    let root = ranks - 1
    let large = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var bytes: [UInt8] = communicator.rank == root ? large : [1, 2, 3]
    try communicator.broadcast(bytes: &bytes, from: root)
    expect(bytes == large, "broadcast of bytes")

    var values = [Double(communicator.rank), Double(communicator.rank) * 2]
    try communicator.broadcast(&values, from: root)
    expect(values == [Double(root), Double(root) * 2], "broadcast of doubles: \(values)")

    let buffer = makeBuffer(200_001) { Float($0 * (communicator.rank + 1)) }
    try communicator.broadcast(buffer: buffer, from: root)
    for index in buffer.indices {
        expect(buffer[index] == Float(index * (root + 1)), "broadcast of floats: \(index)")
    }
    expect(communicator.hostNames.count == ranks, "host names: \(communicator.hostNames)")
    expect(communicator.localSize == ranks, "ranks on this host: \(communicator.localSize)")
    expect(communicator.localRank == communicator.rank, "local rank: \(communicator.localRank)")
}

/// Prints a hash of the bits of a sum of eight awkward vectors: each rank adds its share in the
/// aligned tree, then the ranks' sums are added by the communicator.
func printTreeSums(_ communicator: any Communicator) throws(CommunicationError) {
    var hash = Fingerprint()
    for count in [5, 100_000, 333_333] {
        let share = 8 / communicator.size
        let leaves = (0..<share).map { leaf in
            let sample = communicator.rank * share + leaf
            return makeBuffer(count) { awkward($0, sample) }
        }
        var distance = 1
        while distance < share {
            for left in stride(from: 0, to: share, by: 2 * distance) {
                for index in 0..<count { leaves[left][index] += leaves[left + distance][index] }
            }
            distance *= 2
        }
        try communicator.beginSum(leaves[0], order: .tree, wire: .float32).wait()
        hash.add(UnsafeRawBufferPointer(UnsafeBufferPointer(leaves[0])))
        var doubles = (0..<share).map { Double(awkward(1, communicator.rank * share + $0)) * 1.1 }
        while doubles.count > 1 {
            doubles = stride(from: 0, to: doubles.count, by: 2).map {
                doubles[$0] + doubles[$0 + 1]
            }
        }
        try communicator.sum(&doubles)
        hash.add(doubles[0].bitPattern)
    }
    let texts = try communicator.allGather(hash.text)
    expect(Set(texts).count == 1, "ranks differ: \(texts)")
    if communicator.rank == 0 { print("bits \(hash.text)") }
}

/// A float whose sums round differently in every order.
private func awkward(_ index: Int, _ sample: Int) -> Float {
    var hash = Fingerprint()
    hash.add(UInt64(index))
    hash.add(UInt64(sample))
    let unit = Float(hash.value >> 40) / Float(1 << 24) - 0.5
    return unit * (sample % 3 == 0 ? 1000 : 0.37)
}
