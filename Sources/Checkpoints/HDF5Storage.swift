internal import CHDF5
import Foundation

/// Where HDF5 writes a file: a descriptor of ours, behind a driver that hides failures from HDF5.
///
/// Why: HDF5 crashes or loops after a failed write; see `storage.h`. What failed is ``failure``.
final class HDF5Storage {
    private let path: String
    private let state: UnsafeMutablePointer<CHDF5_storage>
    private let driver: HDF5Handle

    /// Creates or truncates the file at `path`.
    init(path: String) throws(CheckpointError) {
        self.path = path
        driver = try HDF5Handle("H5FDregister", path) { CHDF5_register_driver() }
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(call: "open", code: errno, file: path) }
        state = .allocate(capacity: 1)
        state.initialize(
            to: CHDF5_storage(descriptor: descriptor, direct: -1, piece: nil, code: 0, call: nil))
        CHDF5_open_direct(state, path)
    }

    deinit {
        CHDF5_close_direct(state)
        close(state.pointee.descriptor)
        state.deallocate()
    }

    /// The first system call that failed, with its errno.
    var failure: (call: String, code: Int32)? {
        guard state.pointee.code != 0 else { return nil }
        return (state.pointee.call.map { String(cString: $0) } ?? "write", state.pointee.code)
    }

    /// Makes files created with these access properties go here.
    func use(for access: hid_t) throws(CheckpointError) {
        let (driver, state) = (driver.id, state)
        try HDF5Library.checked("H5Pset_driver", path) { CHDF5_set_driver(access, driver, state) }
        try HDF5Library.checked("H5Pset_mdc_config", path) { CHDF5_keep_metadata(access) }
    }
}
