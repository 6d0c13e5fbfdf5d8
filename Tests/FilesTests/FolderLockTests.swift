import Files
import Foundation
import Testing

/// Time is an argument: pauses do something in place of waiting.
@Suite struct FolderLockTests {
    private let root = FileManager.default.temporaryDirectory
        .appendingPathComponent("lockstep-lock-\(UUID().uuidString)").path

    /// Times at which every wait calls `pause`.
    private func timing(_ pause: @escaping @Sendable () -> Void = {}) -> FolderLock.Timing {
        var timing = FolderLock.Timing()
        timing.renewal = 1000
        timing.pause = { _ in pause() }
        return timing
    }

    private func take(
        _ name: String = "out", _ timing: FolderLock.Timing? = nil,
        said: (String) -> Void = { _ in }
    ) throws -> FolderLock {
        try FolderLock(
            "\(root)/\(name)", name: "output_dir", command: "lockstep train run.yaml",
            timing: timing ?? self.timing(), waiting: said)
    }

    private var path: String { "\(root)/out/\(FolderLock.fileName)" }

    /// A lock's file as another process would have left it.
    private func leave(_ changes: [String: String]) throws {
        let lock = try take()
        let own = try String(contentsOfFile: path, encoding: .utf8)
        try FileManager.default.createDirectory(
            atPath: "\(root)/out/kept", withIntermediateDirectories: true)
        lock.release()
        let lines = own.split(separator: "\n").map { line in
            let key = String(line.prefix { $0 != ":" })
            return changes[key].map { "\(key): \($0)" } ?? String(line)
        }
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: path, atomically: false, encoding: .utf8)
    }

    private func rewrite(_ old: String, _ new: String) {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try? text.replacing(old, with: new).write(toFile: path, atomically: false, encoding: .utf8)
    }

    @Test func aFolderIsMadeAndGoesAgainWithItsLock() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let lock = try take("a/b/c")
        #expect(FileManager.default.fileExists(atPath: "\(root)/a/b/c/\(FolderLock.fileName)"))
        lock.release()
        #expect(!FileManager.default.fileExists(atPath: "\(root)/a"))
    }

    @Test func aFolderWithSomethingInItStays() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let lock = try take()
        try Data().write(to: URL(fileURLWithPath: "\(root)/out/checkpoint-1.h5"))
        lock.release()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(root)/out")
                == ["checkpoint-1.h5"])
    }

    @Test func aSecondHolderIsRefusedByTheNameOfTheFirst() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let lock = try take()
        let error = #expect(throws: FolderLockError.self) { _ = try take() }
        let text = error?.description ?? ""
        #expect(text.contains("output_dir '\(root)/out' is in use by process \(getpid()) on "))
        #expect(text.contains("(lockstep train run.yaml), since 20"))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(root)/out")
                == [FolderLock.fileName], "the loser left something")
        lock.release()
        try take().release()
    }

    @Test func locksWithDifferentFilesAreHeldSideBySide() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let lock = try take()
        let other = try FolderLock("\(root)/out", file: ".other", name: "run", timing: timing())
        #expect(throws: FolderLockError.self) {
            _ = try FolderLock("\(root)/out", file: ".other", name: "run", timing: timing())
        }
        other.release()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(root)/out")
                == [FolderLock.fileName])
        lock.release()
    }

    @Test func ofManyAtTheSameMomentOneSucceeds() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let winners = Counter()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            if let lock = try? take() { winners.add(lock) }
        }
        #expect(winners.count == 1)
    }

    @Test func aHolderThatEndsInTimeMakesRoom() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let lock = try take()
        try take("out", timing { lock.release() }).release()
    }

    @Test func aDeadHoldersLockIsTakenOver() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try leave(["process": "1999999999"])
        try take().release()
    }

    @Test func aProcessThatBeganAtAnotherTimeIsNotTheHolder() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        // The number of a process that ended is given to another one in time.
        try leave(["started": "1"])
        try take().release()
    }

    @Test func aHolderOnAnotherMachineThatCountsIsAlive() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try leave(["host": "node7", "boot": "another", "process": "1999999999"])
        var said: [String] = []
        let error = #expect(throws: FolderLockError.self) {
            _ = try take(
                "out", timing { rewrite("000000000000", "000000000001") }, said: { said.append($0) }
            )
        }
        #expect(error?.description.contains("process 1999999999 on node7") == true)
        #expect(said.first?.contains("looking for 20 s whether that still runs") == true)
    }

    @Test func aHolderOnAnotherMachineThatStandsStillIsGone() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try leave(["host": "node7", "boot": "another"])
        try take().release()
    }

    @Test func aProcessInAnotherNamespaceIsJudgedByItsCount() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        // In another container the same number is another process.
        try leave(["namespace": "pid:[1]"])
        #expect(throws: FolderLockError.self) {
            _ = try take("out", timing { rewrite("000000000000", "000000000001") })
        }
    }

    @Test func aFileThatIsNoLocksIsTakenOver() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try leave([:])
        try Data("x".utf8).write(to: URL(fileURLWithPath: path))
        try take().release()
    }

    @Test func aHolderThatLostItsLockNoticesIt() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let lock = try take()
        #expect(lock.renew() && lock.loss == nil)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasSuffix("renewals: 000000000001\n"))
        let token = text.split(separator: "\n").first { $0.hasPrefix("token: ") } ?? ""
        rewrite(String(token), "token: other")
        #expect(!lock.renew())
        #expect(lock.loss?.description.contains("was taken over by process") == true)
        lock.release()
        #expect(FileManager.default.fileExists(atPath: path), "the other's lock was removed")
    }

    @Test func whatKilledProcessesLeftIsRemoved() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try leave(["process": "1999999999"])
        try FileManager.default.moveItem(atPath: path, toPath: path + ".abc")
        let lock = try take()
        #expect(!FileManager.default.fileExists(atPath: path + ".abc"))
        lock.release()
    }

    @Test(arguments: ["/proc/lockstep/out", "/dev/null/out"])
    func aFolderThatCannotBeMadeIsAnError(_ folder: String) {
        let error = #expect(throws: FolderLockError.self) {
            _ = try FolderLock(folder, name: "output_dir", timing: timing())
        }
        #expect(error?.description.hasPrefix("output_dir: mkdir failed on '") == true)
    }
}

/// Keeps locks, counted from several threads.
private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var locks: [FolderLock] = []

    func add(_ held: FolderLock) { lock.withLock { locks.append(held) } }

    var count: Int { lock.withLock { locks.count } }
}
