import Files
import Foundation
import Testing

/// Only files of bytes are opened; nothing is waited for.
@Suite struct RegularFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func problem(_ path: String, most: Int = 1 << 20) -> FileProblem? {
        do throws(FileProblem) {
            _ = try RegularFile.bytes(path, most: most)
            return nil
        } catch {
            return error
        }
    }

    @Test func aFileIsReadWhole() throws {
        try withFolder { folder in
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try Data(bytes).write(to: URL(filePath: folder + "/a"))
            #expect(try RegularFile.bytes(folder + "/a") == bytes)
        }
    }

    @Test func aPipeIsRefusedAndNotWaitedFor() throws {
        try withFolder { folder in
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            #expect(
                problem(folder + "/pipe") == .notRegular(file: folder + "/pipe", kind: "a pipe"))
            #expect(throws: FileProblem.notRegular(file: folder + "/pipe", kind: "a pipe")) {
                _ = try MappedFile(folder + "/pipe")
            }
        }
    }

    @Test(arguments: ["/dev/zero", "/dev/null", "/dev/tty"])
    func aDeviceIsRefused(path: String) {
        guard case .notRegular(path, "a device")? = problem(path) else {
            // Without a terminal there is none to open.
            #expect(path == "/dev/tty")
            return
        }
    }

    @Test func aFolderIsRefused() {
        #expect(problem("/usr") == .system(call: "open", code: EISDIR, file: "/usr"))
    }

    @Test func aSocketIsRefused() throws {
        try withFolder { folder in
            let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(socket) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let path = folder + "/s"
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(bound == 0)
            #expect(problem(path) == .notRegular(file: path, kind: "a socket or device"))
        }
    }

    @Test func aNULCharacterInAPathIsNamed() throws {
        try withFolder { folder in
            try Data("x".utf8).write(to: URL(filePath: folder + "/a"))
            let found = problem(folder + "/a\0.txt")
            #expect(found == .invalidName(file: folder + "/a\0.txt"))
            #expect(found?.message.contains("a\\0.txt: a path with a NUL character") == true)
        }
    }

    @Test func moreBytesThanAllowedAreRefused() throws {
        try withFolder { folder in
            try Data(count: 1001).write(to: URL(filePath: folder + "/a"))
            #expect(
                problem(folder + "/a", most: 1000)
                    == .tooLarge(file: folder + "/a", bytes: 1001, most: 1000))
            #expect(problem(folder + "/a", most: 1001) == nil)
        }
    }

    @Test func whatIsNotThereIsSaid() {
        #expect(
            problem("/usr/none")?.message
                == "/usr/none: open failed: No such file or directory")
    }
}
