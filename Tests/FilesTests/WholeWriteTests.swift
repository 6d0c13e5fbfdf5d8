import Files
import Foundation
import Synchronization
import TestSupport
import Testing

/// Calls of the system that write a part of what they are given.
@Suite struct WholeWriteTests {
    private let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    /// Writes `bytes` by calls that do as `steps` say, the last one again and again: how many bytes to
    /// write at most, or an errno, negative. Returns what arrived, and the failure.
    private func written(
        _ steps: [Int]
    ) -> (arrived: [UInt8], calls: Int, failure: FinishedFile.Failure?) {
        var (arrived, calls): ([UInt8], Int) = ([], 0)
        do throws(FinishedFile.Failure) {
            try bytes.withBytes { whole throws(FinishedFile.Failure) in
                try WholeWrite.all(of: whole) { rest, done in
                    #expect(done == arrived.count && rest.count == bytes.count - done)
                    let step = steps[min(calls, steps.count - 1)]
                    calls += 1
                    guard step >= 0 else {
                        errno = Int32(-step)
                        return -1
                    }
                    arrived += rest.prefix(step)
                    return min(step, rest.count)
                }
            }
            return (arrived, calls, nil)
        } catch {
            return (arrived, calls, error)
        }
    }

    @Test func whatOneCallLeavesIsWrittenByTheNext() {
        let found = written([999, 300])
        #expect(found.arrived == bytes)
        #expect(found.calls == 2)
        #expect(found.failure == nil)
        #expect(written([7]).arrived == bytes)
        #expect(written([5000]).calls == 1)
    }

    @Test func anInterruptedCallIsMadeAgain() {
        let found = written([400, -Int(EINTR), -Int(EINTR), 600])
        #expect(found.arrived == bytes)
        #expect(found.calls == 4)
        #expect(found.failure == nil)
    }

    @Test func aFullDiskIsToldByTheCallThatFinds() {
        let found = written([400, -Int(EDQUOT)])
        #expect(found.arrived.count == 400)
        #expect(found.failure == FinishedFile.Failure(call: "write", code: EDQUOT))
    }

    @Test func aCallThatTakesNothingEnds() {
        let found = written([400, 0])
        #expect(found.calls == 2)
        #expect(found.failure == FinishedFile.Failure(call: "write", code: ENOSPC))
    }

    @Test func aPlaceInAFileIsWrittenAndTheRestStays() throws {
        let folder = TestFolder()
        folder.write("a", "0123456789")
        let descriptor = open(folder("a"), O_WRONLY)
        defer { close(descriptor) }
        try Array("abc".utf8).withBytes { bytes throws(FinishedFile.Failure) in
            try WholeWrite.write(bytes, to: descriptor, at: 4)
            try WholeWrite.write(bytes, to: descriptor)
        }
        #expect(String(decoding: folder.bytes("a"), as: UTF8.self) == "abc3abc789")
    }

    @Test func aFileThatCannotBeWrittenIsToldWithItsReason() {
        #expect(throws: FinishedFile.Failure(call: "write", code: EBADF)) {
            let descriptor = open("/dev/null", O_RDONLY)
            defer { close(descriptor) }
            try [UInt8](repeating: 1, count: 3).withBytes { bytes throws(FinishedFile.Failure) in
                try WholeWrite.write(bytes, to: descriptor)
            }
        }
    }

    /// A pipe has less room than what is written.
    @Test func aPipeTakesAllBytesAsTheyAreRead() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let reader = Reader(reading)
        try sent.withBytes { bytes throws(FinishedFile.Failure) in
            try WholeWrite.write(bytes, to: writing)
        }
        close(writing)
        #expect(reader.everything() == sent)
    }

    /// Reads a descriptor to its end, in a thread of its own.
    private final class Reader: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        private let isDone = DispatchSemaphore(value: 0)

        init(_ descriptor: Int32) {
            Thread.detachNewThread { [self] in
                var buffer = [UInt8](repeating: 0, count: 4096)
                while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
                    bytes.withLock { $0 += buffer[..<count] }
                }
                close(descriptor)
                isDone.signal()
            }
        }

        func everything() -> [UInt8] {
            isDone.wait()
            return bytes.withLock { $0 }
        }
    }
}
