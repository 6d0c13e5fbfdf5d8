import CMPI
import Foundation

/// A message to or from a rank of a group.
struct Message {
    let peer: Int
    let bytes: UnsafeMutableRawBufferPointer

    init<Element>(_ peer: Int, _ elements: UnsafeMutableBufferPointer<Element>) {
        self.peer = peer
        bytes = UnsafeMutableRawBufferPointer(elements)
    }
}

/// Memory for numbers under way: it grows when more is needed, and stays.
final class Staging<Element: BitwiseCopyable> {
    private var memory = UnsafeMutableBufferPointer<Element>(start: nil, count: 0)

    deinit { memory.deallocate() }

    /// Room for `count` elements, undefined; what was there is gone if it has to grow.
    func room(for count: Int) -> UnsafeMutableBufferPointer<Element> {
        if count > memory.count {
            memory.deallocate()
            memory = .allocate(capacity: count)
        }
        return UnsafeMutableBufferPointer(rebasing: memory[0..<count])
    }
}

extension MPIContext {
    /// Sends and receives messages of a group; returns when all have been.
    ///
    /// Empty ones are left out, so both sides must see the same lengths. While the step computes,
    /// the wait is a poll that sleeps: blocking calls of Open MPI spin, on a processor that the step
    /// may need.
    func exchange(
        sending: [Message], receiving: [Message], in group: RankGroup
    ) throws(CommunicationError) {
        var requests: [MPI_Request?] = []
        for message in receiving where !message.bytes.isEmpty {
            var request: MPI_Request? = mpi_request_null()
            try check(
                MPI_Irecv(
                    message.bytes.baseAddress, Int32(message.bytes.count), mpi_byte(),
                    Int32(message.peer), Self.tag, group.communicator, &request), "MPI_Irecv")
            requests.append(request)
        }
        for message in sending where !message.bytes.isEmpty {
            var request: MPI_Request? = mpi_request_null()
            try check(
                MPI_Isend(
                    message.bytes.baseAddress, Int32(message.bytes.count), mpi_byte(),
                    Int32(message.peer), Self.tag, group.communicator, &request), "MPI_Isend")
            requests.append(request)
            sentBytes += message.bytes.count
        }
        guard !requests.isEmpty else { return }
        let start = Machine.seconds()
        var flag: Int32 = 0
        while true {
            try check(
                MPI_Testall(
                    Int32(requests.count), &requests, &flag, mpi_statuses_ignore()),
                "MPI_Testall")
            if flag != 0 { return }
            // A test gives way to other threads by itself, see mpi_yield_when_idle.
            let limit = queue.isCallerWaiting ? Self.exchangePatience : Self.briskness
            if Machine.seconds() - start > limit { usleep(Self.nap) }
        }
    }

    /// Seconds of polling without sleep where the step waits: what takes longer comes over a slow link,
    /// and what brings it (the kernel, ranks beside this one) may need the processor.
    private static let exchangePatience = 0.002

    /// Seconds of polling without sleep while the step computes: a short message ends in them.
    private static let briskness = 0.000_03

    /// One tag is enough: the thread makes one exchange at a time, and messages between two ranks
    /// keep their order.
    static let tag: Int32 = 7
}

extension UnsafeMutableBufferPointer {
    /// A part of the buffer as a buffer.
    func part(_ range: Range<Int>) -> UnsafeMutableBufferPointer {
        UnsafeMutableBufferPointer(rebasing: self[range])
    }

    /// Messages that carry runs of the buffer to or from `peer`.
    func messages(_ peer: Int, _ runs: [Range<Int>]) -> [Message] {
        runs.map { Message(peer, part($0)) }
    }

    /// Messages that lie one after the other in the buffer and are as long as `runs`.
    func messages(_ peer: Int, asLongAs runs: [Range<Int>]) -> [Message] {
        var next = startIndex
        return runs.map { run in
            defer { next += run.count }
            return Message(peer, part(next..<next + run.count))
        }
    }
}
