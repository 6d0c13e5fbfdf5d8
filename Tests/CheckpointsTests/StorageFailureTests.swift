import CheckpointSupport
import Checkpoints
import Foundation
import Testing

/// Failing storage. Limits hold for a whole process, so these run in processes of their own; such a
/// process also has to end well, which HDF5 does not after a failed close.
@Suite struct StorageFailureTests {
    @Test func fullStorageIsNamedAndLeavesEarlierFilesAlone() async {
        await #expect(processExitsWith: .success) {
            try Sample.withFolder { folder throws in
                let store = Sample.store(folder)
                try store.write(Sample.state(step: 1))
                var state = Sample.state(step: 2)
                state.model += (0..<20).map { Sample.array("w.\($0)", [3000], seed: UInt64($0)) }
                try store.write(state)
                let size = try Data(contentsOf: URL(filePath: store.path(step: 2))).count
                state.metadata.step = 3

                signal(SIGXFSZ, SIG_IGN)
                let descriptors = try Sample.names("/dev/fd").count
                var room = 0
                while room < size {
                    try #require(Sample.limitFiles(toBytes: room))
                    let error = thrown { try store.write(state) }
                    try #require(error?.isStorageFull == true, "room for \(room) of \(size)")
                    try #require(error?.description.contains("checkpoint-3.h5") == true)
                    try #require(try store.steps() == [1, 2])
                    try #require(try Sample.names(folder).count == 2)
                    try #require(try Sample.names("/dev/fd").count == descriptors)
                    room += room < 8192 ? 509 : 12_289
                }
                try #require(Sample.limitFiles(toBytes: .max))
                try #require(try store.read(step: 1) == Sample.state(step: 1))
                try store.write(state)
                try #require(try store.read(step: 3) == state)
            }
        }
    }

    @Test func folderWithoutPermissionIsNamed() async {
        await #expect(processExitsWith: .success) {
            // The superuser may write everywhere.
            if geteuid() == 0 { try #require(setgid(65534) == 0 && setuid(65534) == 0) }
            try Sample.withFolder { folder throws in
                try Sample.store(folder).write(Sample.state(step: 1))
                try #require(chmod(folder, 0o500) == 0)
                defer { chmod(folder, 0o700) }
                let error = thrown { try Sample.store(folder).write(Sample.state(step: 2)) }
                guard case .system("open", EACCES, _)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                try #require(error?.description.contains("Permission denied") == true)
                try #require(try Sample.store(folder).readNewest().state?.step == 1)
                let below = thrown {
                    try Sample.store(folder + "/new").write(Sample.state(step: 2))
                }
                guard case .system("mkdir", EACCES, _)? = below else {
                    Issue.record("\(String(describing: below))")
                    return
                }
            }
        }
    }

    @Test func folderBelowAFileIsNamed() throws {
        try Sample.withFolder { folder throws in
            try Data().write(to: URL(filePath: folder + "/file"))
            for path in [folder + "/file", folder + "/file/runs"] {
                let error = thrown { try Sample.store(path).write(Sample.state(step: 1)) }
                guard case .system(_, ENOTDIR, _)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(thrown { _ = try Sample.store(path).steps() } != nil)
            }
        }
    }
}

extension CheckpointError {
    /// Whether there was no room, or the test's own limit of a file's size was met.
    var isStorageFull: Bool {
        guard case .system(_, let code, _) = self else { return false }
        return code == ENOSPC || code == EDQUOT || code == EFBIG
    }
}
