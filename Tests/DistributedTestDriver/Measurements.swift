import Distributed
import Foundation

/// The last rank comes late; the others count that as waiting, not as transfer.
func checkWaitingIsMeasured(_ communicator: any Communicator) throws(CommunicationError) {
    try communicator.barrier()
    if communicator.rank == communicator.size - 1 { usleep(200_000) }
    try communicator.barrier()
    let activity = communicator.activity
    expect(activity.secondsTransferring < 0.1, "transfer: \(activity)")
    if communicator.rank < communicator.size - 1 {
        expect(activity.secondsWaitingForPeers > 0.15, "waiting: \(activity)")
    }
    expect(!activity.isCallerWaiting, "nobody waits: \(activity)")
}

/// A ticket that goes out of scope waits for its sum, so the buffer may be freed.
func checkDroppedTicket(_ communicator: any Communicator) throws(CommunicationError) {
    let buffer = makeBuffer(1_000_000) { _ in 1 }
    do {
        _ = try communicator.beginSum(buffer)
    }
    expect(buffer[999_999] == Float(communicator.size), "the sum had not ended")
}

/// Every rank learns the same of whether sums pay beside computation.
func checkOverlapProbe(_ communicator: any Communicator) throws(CommunicationError) {
    let probe = try OverlapProbe.run(on: communicator, mostBytes: 1 << 20, wire: .float32) {
        compute(0.01)
    }
    let texts = try communicator.allGather("\(probe)")
    expect(Set(texts).count == 1, "ranks differ: \(texts)")
    expect(probe.secondsApart > 0.000_05, "\(probe)")
    expect(probe.secondsTogether > 0.000_05, "\(probe)")
}

/// The link probe's report as JSON, from rank 0.
func printProbe(_ communicator: any Communicator) throws(CommunicationError) {
    let report = try LinkProbe.run(on: communicator)
    guard communicator.rank == 0, let json = try? JSONEncoder().encode(report) else { return }
    print(String(decoding: json, as: UTF8.self))
}

/// Seconds of the large collectives over 496 MB of floats, best of four.
func printTimes(_ communicator: any Communicator) throws(CommunicationError) {
    let count = 124_000_000
    let buffer = makeBuffer(count) { _ in 0 }
    let (counts, offsets) = evenSlices(of: count, among: communicator.size)
    let isPowerOfTwo = communicator.size & (communicator.size - 1) == 0
    try time(communicator, "sum") { () throws(CommunicationError) in
        try communicator.beginSum(buffer).wait()
    }
    if isPowerOfTwo {
        try time(communicator, "tree sum") { () throws(CommunicationError) in
            try communicator.sumTree(buffer)
        }
    }
    try time(communicator, "reduce-scatter") { () throws(CommunicationError) in
        try communicator.reduceScatter(buffer, counts: counts, offsets: offsets)
    }
    try time(communicator, "all-gather") { () throws(CommunicationError) in
        try communicator.allGather(buffer: buffer, counts: counts, offsets: offsets)
    }
    var doubles = [Double](repeating: 1, count: 8)
    try time(communicator, "1000 sums of 8 doubles") { () throws(CommunicationError) in
        for _ in 0..<1000 { try communicator.sum(&doubles) }
    }
}

private func time(
    _ communicator: any Communicator, _ name: String,
    _ body: () throws(CommunicationError) -> Void
) throws(CommunicationError) {
    var best = Double.infinity
    for _ in 0..<4 {
        try communicator.barrier()
        let start = Machine.seconds()
        try body()
        var seconds = [Machine.seconds() - start]
        try communicator.maximum(&seconds)
        best = min(best, seconds[0])
    }
    if communicator.rank == 0 { print("\(name): \(best) s") }
}

/// Seconds of a step that computes for about 0.4 s in eight parts and sums 62 MB after each: all
/// sums at the end, sums under way during the next parts, and no sums at all. Rank 1 is 10 % slower.
func printOverlap(_ communicator: any Communicator) throws(CommunicationError) {
    let buckets = (0..<8).map { _ in makeBuffer(15_500_000) { _ in 0 } }
    let work = communicator.rank == 1 ? 1.1 : 1.0
    for name in ["no sums", "sums at the end", "sums during the step"] {
        try time(communicator, name) { () throws(CommunicationError) in
            let tickets = Tickets()
            for bucket in buckets {
                compute(work)
                if name == "sums during the step" {
                    tickets.add(try communicator.beginSum(bucket))
                }
            }
            if name == "sums at the end" {
                for bucket in buckets { tickets.add(try communicator.beginSum(bucket)) }
            }
            try tickets.wait()
        }
    }
}

/// Keeps a core busy with arithmetic in registers.
@inline(never)
private func compute(_ amount: Double) {
    var value = amount
    for _ in 0..<Int(amount * 12_000_000) { value = value * 0.999_999 + 1e-6 }
    expect(value > amount / 2, "arithmetic: \(value)")
}

/// Tickets cannot be kept in an array.
private final class Tickets {
    private final class Box {
        var ticket: SumTicket?

        init(_ ticket: consuming SumTicket) { self.ticket = consume ticket }
    }

    private var boxes: [Box] = []

    func add(_ ticket: consuming SumTicket) { boxes.append(Box(ticket)) }

    func wait() throws(CommunicationError) {
        for box in boxes { try box.ticket.take()?.wait() }
    }
}
