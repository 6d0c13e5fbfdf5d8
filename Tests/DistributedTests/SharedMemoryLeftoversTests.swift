import Distributed
import Foundation
import Testing

struct SharedMemoryLeftoversTests {
    private let root = FileManager.default.temporaryDirectory
        .appendingPathComponent("lockstep-shm-\(UUID().uuidString)")

    private func write(_ name: String, _ text: String) throws {
        let url = root.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    @Test func filesThatNoProcessHasAreTold() throws {
        defer { try? FileManager.default.removeItem(at: root) }
        try write("shm/vader_segment.host.0.aa.0", "12345")
        try write("shm/vader_segment.host.0.bb.0", "123")
        try write("shm/sem.other", "1")
        try write("proc/77/maps", "7f00-7f01 rw-s 00 00:01 5 /dev/shm/vader_segment.host.0.bb.0\n")
        try write("proc/self/maps", "vader_segment.host.0.aa.0")
        func look(_ seconds: Double) -> SharedMemoryLeftovers {
            SharedMemoryLeftovers(
                in: root.path + "/shm", processes: root.path + "/proc",
                now: Date.now + seconds)
        }
        let found = look(1000)
        #expect(found.names == ["vader_segment.host.0.aa.0"] && found.bytes == 5)
        #expect(
            found.line?.hasPrefix(
                "1 file of runs that were killed holds 1 MiB of shared memory on ")
                == true)
        #expect(look(0).line == nil, "a run that is just beginning has not mapped its own")
    }

    @Test func aFolderWithoutAnyIsNothingToTell() {
        #expect(SharedMemoryLeftovers(in: root.path, processes: root.path).line == nil)
    }
}
