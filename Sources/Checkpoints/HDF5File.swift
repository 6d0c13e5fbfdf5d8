internal import CHDF5
import Files
import Foundation

/// An open HDF5 file. Used by one thread at a time; the file closes with the object.
///
/// Files are written in the format of HDF5 1.8 (any later HDF5 and h5py reads it), whose own
/// structures carry checksums, so a flipped byte there is noticed as well. HDF5's advisory locks
/// are not used: many cluster file systems refuse them, and files appear only when complete.
package final class HDF5File {
    /// Where the file is.
    package let path: String
    private var file: hid_t
    /// What a file being written goes to; `nil` for one that is read.
    private let storage: HDF5Storage?
    private var creation: HDF5Handle?

    /// Creates or truncates the file at `path`.
    package static func create(at path: String) throws(CheckpointError) -> HDF5File {
        let storage = try HDF5Storage(path: path)
        let access = try accessProperties(path, H5F_CLOSE_STRONG)
        try storage.use(for: access.id)
        // Large arrays start at a page, which the page cache copies faster.
        let accessID = access.id
        try HDF5Library.checked("H5Pset_alignment", path) {
            H5Pset_alignment(accessID, 1 << 16, 4096)
        }
        let file = try HDF5Library.checked("H5Fcreate", path) {
            H5Fcreate(path, CHDF5_truncate(), CHDF5_default(), access.id)
        }
        return HDF5File(path: path, file: file, storage: storage)
    }

    /// Opens the file at `path` for reading, or for changing it in place, which no checkpoint is.
    package static func open(
        at path: String, forEditing: Bool = false
    ) throws(CheckpointError) -> HDF5File {
        try CheckpointError.ofFile { () throws(FileProblem) in try RegularFile.check(path) }
        // HDF5 shares a file that is open more than once: no closing may touch the others' objects.
        let access = try accessProperties(path, H5F_CLOSE_WEAK)
        let file = try HDF5Library.checked("H5Fopen", path) {
            H5Fopen(path, forEditing ? CHDF5_read_write() : CHDF5_read_only(), access.id)
        }
        return HDF5File(path: path, file: file, storage: nil)
    }

    private init(path: String, file: hid_t, storage: HDF5Storage?) {
        self.path = path
        self.file = file
        self.storage = storage
    }

    deinit {
        abandon()
    }

    /// The open file's id, for the extensions that read and write.
    var id: hid_t { file }

    /// Hands everything to the system and closes.
    ///
    /// - Throws: what stopped it; the file is closed all the same.
    package func close() throws(CheckpointError) {
        defer { abandon() }
        let file = file
        try HDF5Library.checked("H5Fflush", path) { H5Fflush(file, H5F_SCOPE_LOCAL) }
        try checkStorage()
        guard closeWhatIsOpen() else {
            throw .library(call: "H5Fclose", detail: "the file stays open", file: path)
        }
        try checkStorage()
    }

    /// Closes without asking whether everything was written.
    package func abandon() {
        _ = closeWhatIsOpen()
    }

    private func closeWhatIsOpen() -> Bool {
        guard file >= 0 else { return true }
        let file = file
        self.file = -1
        var closed: herr_t = 0
        HDF5Library.quietly { closed = H5Fclose(file) }
        // A file that HDF5 failed to close may still come back to its storage.
        if closed < 0, let storage { _ = Unmanaged.passRetained(storage) }
        return closed >= 0
    }

    /// - Throws: ``CheckpointError/system(call:code:file:)`` where a write has failed so far.
    func checkStorage() throws(CheckpointError) {
        if let failure = storage?.failure {
            throw .system(call: failure.call, code: failure.code, file: path)
        }
    }

    /// How datasets are made.
    func creationProperties() throws(CheckpointError) -> hid_t {
        if let id = creation?.id { return id }
        let properties = try HDF5Handle("H5Pcreate", path) { H5Pcreate(CHDF5_dataset_creation()) }
        let id = properties.id
        try HDF5Library.checked("H5Pset_layout", path) { H5Pset_layout(id, H5D_CONTIGUOUS) }
        // Callers write every byte, and dates would make equal states unequal files.
        try HDF5Library.checked("H5Pset_fill_time", path) {
            H5Pset_fill_time(id, H5D_FILL_TIME_NEVER)
        }
        try HDF5Library.checked("H5Pset_obj_track_times", path) {
            H5Pset_obj_track_times(id, false)
        }
        creation = consume properties
        return id
    }

    private static func accessProperties(
        _ path: String, _ closing: H5F_close_degree_t
    ) throws(CheckpointError) -> HDF5Handle {
        let access = try HDF5Handle("H5Pcreate", path) { H5Pcreate(CHDF5_file_access()) }
        let id = access.id
        try HDF5Library.checked("H5Pset_fclose_degree", path) {
            H5Pset_fclose_degree(id, closing)
        }
        try HDF5Library.checked("H5Pset_libver_bounds", path) {
            H5Pset_libver_bounds(id, H5F_LIBVER_V18, H5F_LIBVER_V18)
        }
        try HDF5Library.checked("H5Pset_file_locking", path) {
            H5Pset_file_locking(id, false, true)
        }
        return access
    }
}

// MARK: - Groups

extension HDF5File {
    /// Makes an empty group, e.g. `/optimizer/first_moment`, whose parent exists.
    package func createGroup(_ path: String) throws(CheckpointError) {
        let (file, group) = (id, path)
        let properties = try HDF5Handle("H5Pcreate", self.path) {
            H5Pcreate(CHDF5_group_creation())
        }
        _ = try HDF5Handle("H5Gcreate2", self.path) {
            H5Gcreate2(file, group, CHDF5_default(), properties.id, CHDF5_default())
        }
    }

    /// The names in a group, in no particular order.
    package func children(of path: String) throws(CheckpointError) -> [String] {
        let file = id
        try checkLinks(to: path)
        let group = try HDF5Handle("H5Gopen2", self.path) { H5Gopen2(file, path, CHDF5_default()) }
        let groupID = group.id
        var information = H5G_info_t()
        try HDF5Library.checked("H5Gget_info", self.path) { H5Gget_info(groupID, &information) }
        var names: [String] = []
        for index in 0..<information.nlinks {
            let length = try HDF5Library.checked("H5Lget_name_by_idx", self.path) {
                H5Lget_name_by_idx(
                    groupID, ".", H5_INDEX_NAME, H5_ITER_NATIVE, index, nil, 0, CHDF5_default())
            }
            var bytes = [CChar](repeating: 0, count: length + 1)
            try HDF5Library.checked("H5Lget_name_by_idx", self.path) {
                H5Lget_name_by_idx(
                    groupID, ".", H5_INDEX_NAME, H5_ITER_NATIVE, index, &bytes, bytes.count,
                    CHDF5_default())
            }
            names.append(
                String(decoding: bytes.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        return names
    }

    /// Removes a group or dataset; its bytes stay in the file as a hole.
    package func unlink(_ path: String) throws(CheckpointError) {
        let file = id
        try HDF5Library.checked("H5Ldelete", self.path) { H5Ldelete(file, path, CHDF5_default()) }
    }

    /// True where `path` names something in the file.
    package func contains(_ path: String) -> Bool {
        let file = id
        var found = false
        HDF5Library.quietly { found = H5Lexists(file, path, CHDF5_default()) > 0 }
        return found
    }
}
