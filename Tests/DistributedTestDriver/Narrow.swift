import Distributed
import Foundation

/// bfloat16 rounds a number by at most this much of it: it keeps 8 bits.
private let unitRoundoff = 0x1p-8

/// Sums by bfloat16 of several lengths against float64 sums of the numbers that went in.
///
/// A summand is rounded once at most and the sum once, so the error is bounded by the roundings of
/// both; partial sums that are rounded again at every rank would miss the bound on its mean.
func checkNarrowSums(_ communicator: any Communicator) throws(CommunicationError) {
    let ranks = communicator.size
    for count in [0, 1, 2, 5, 70_000, 400_003] {
        let buffer = makeBuffer(count) { summand($0, communicator.rank) }
        try communicator.beginSum(buffer, wire: .bfloat16).wait()
        var squares = 0.0
        for index in buffer.indices {
            let terms = (0..<ranks).map { Double(summand(index, $0)) }
            let sum = terms.reduce(0, +)
            let error = abs(Double(buffer[index]) - sum)
            // The float32 additions between the two roundings add up to far less than 1 %.
            let bound = 1.01 * unitRoundoff * (terms.map(abs).reduce(0, +) + abs(sum))
            expect(
                ranks == 1 ? error == 0 : error <= bound,
                "sum \(buffer[index]) of \(terms), element \(index) of \(count)")
            expect(
                ranks == 1 || buffer[index].bitPattern & 0xffff == 0,
                "\(buffer[index]) is no bfloat16: element \(index) of \(count)")
            squares += (error / sum) * (error / sum)
        }
        if ranks > 2, count > 10_000 {
            // Uniform errors of half a unit in the last place make 0.0016 for one rounding, 0.0018
            // with that of three or more summands; rounded at every hop it would be 0.0023 or more.
            let mean = (squares / Double(count)).squareRoot()
            expect(mean < 0.0021 && mean > 0.001, "relative error \(mean) on \(ranks) ranks")
        }
        try expectEqualEverywhere(buffer, communicator)
    }
    try checkValuesThatAreNoNumbers(communicator)
}

/// Numbers of one sign, so that relative errors mean something.
private func summand(_ index: Int, _ rank: Int) -> Float {
    var hash = Fingerprint()
    hash.add(UInt64(index))
    hash.add(UInt64(rank))
    return 0.5 + Float(hash.value >> 40) / Float(1 << 24)
}

/// Infinities and NaN of one rank reach all.
private func checkValuesThatAreNoNumbers(
    _ communicator: any Communicator
) throws(CommunicationError) {
    let last = communicator.size - 1
    let buffer = makeBuffer(64) { _ in 1 }
    if communicator.rank == last {
        for place in 0..<16 {
            buffer[4 * place] = .infinity
            buffer[4 * place + 1] = -.infinity
            buffer[4 * place + 2] = .nan
        }
    }
    if communicator.rank == 0 { buffer[0] = last == 0 ? .nan : -.infinity }
    try communicator.beginSum(buffer, wire: .bfloat16).wait()
    expect(buffer[0].isNaN, "∞ − ∞ came to \(buffer[0])")
    for place in 0..<16 {
        expect(place == 0 || buffer[4 * place] == .infinity, "∞ came to \(buffer[4 * place])")
        expect(buffer[4 * place + 1] == -.infinity, "−∞ came to \(buffer[4 * place + 1])")
        expect(buffer[4 * place + 2].isNaN, "NaN came to \(buffer[4 * place + 2])")
        expect(
            buffer[4 * place + 3] == Float(communicator.size),
            "beside them a sum came to \(buffer[4 * place + 3])")
    }
}

/// Reduce-scatter by bfloat16 with uneven and empty slices: the sum itself is not rounded.
func checkNarrowSlices(_ communicator: any Communicator) throws(CommunicationError) {
    let (ranks, rank) = (communicator.size, communicator.rank)
    for counts in [
        (0..<ranks).map { 10 + $0 },
        (0..<ranks).map { $0 == 0 ? 0 : 150_000 + 7 * $0 },
        (0..<ranks).map { $0 == ranks - 1 ? 100_001 : 0 },
    ] {
        let offsets = counts.indices.map { 3 + counts[0..<$0].reduce(0, +) }
        let end = 3 + counts.reduce(0, +)
        let buffer = makeBuffer(end + 2) { summand($0, rank) }
        try communicator.reduceScatter(
            buffer, counts: counts, offsets: offsets, wire: .bfloat16)
        var rounded = 0
        for index in offsets[rank]..<offsets[rank] + counts[rank] {
            let terms = (0..<ranks).map { Double(summand(index, $0)) }
            let error = abs(Double(buffer[index]) - terms.reduce(0, +))
            let others = terms.reduce(0, +) - terms[rank]
            expect(
                error <= 1.01 * unitRoundoff * others + 1e-6 * Double(ranks),
                "reduceScatter: element \(index) off by \(error)")
            if buffer[index].bitPattern & 0xffff == 0 { rounded += 1 }
        }
        expect(rounded <= counts[rank] / 8 + 8, "\(rounded) sums of \(counts[rank]) are rounded")
        for index in [0, 1, 2, end, end + 1] {
            expect(
                buffer[index] == summand(index, rank),
                "element \(index) outside the slices changed")
        }
    }
}

/// What a rank sends for a sum: 2 (P − 1)/P of the buffer whatever P is, half of it by bfloat16.
func checkVolume(_ communicator: any Communicator) throws(CommunicationError) {
    let count = 700_000
    let buffer = makeBuffer(count) { _ in 1 }
    let share = Double(communicator.size - 1) / Double(communicator.size)
    for (wire, bytes) in [(WireType.float32, 4.0), (.bfloat16, 2.0)] {
        let before = communicator.activity.bytesSent
        try communicator.beginSum(buffer, wire: wire).wait()
        let sent = Double(communicator.activity.bytesSent - before)
        let least = 2 * share * Double(count) * bytes
        // Slices differ by an element in each piece of the buffer.
        expect(abs(sent - least) <= 0.001 * least, "\(wire): \(sent) bytes, expected \(least)")
    }
}

/// Sums of numbers that float32 rounds end with the same bits on all ranks.
func checkEqualBits(_ communicator: any Communicator) throws(CommunicationError) {
    for wire in [WireType.float32, .bfloat16] {
        for count in [3, 5000, 300_001] {
            let buffer = makeBuffer(count) { summand($0, communicator.rank) * 1.1 }
            try communicator.beginSum(buffer, wire: wire).wait()
            try expectEqualEverywhere(buffer, communicator)
            for index in stride(from: 0, to: count, by: 97) {
                let sum = (0..<communicator.size).reduce(0.0) {
                    $0 + Double(summand(index, $1) * 1.1)
                }
                let allowed = wire == .float32 ? 1e-6 : 2.1 * unitRoundoff
                expect(
                    abs(Double(buffer[index]) - sum) <= allowed * sum,
                    "\(wire): \(buffer[index]) for \(sum)")
            }
        }
    }
}

private func expectEqualEverywhere(
    _ buffer: UnsafeMutableBufferPointer<Float>, _ communicator: any Communicator
) throws(CommunicationError) {
    var hash = Fingerprint()
    hash.add(UnsafeRawBufferPointer(UnsafeBufferPointer(buffer)))
    let texts = try communicator.allGather(hash.text)
    expect(Set(texts).count == 1, "ranks differ in \(buffer.count) floats: \(texts)")
}
