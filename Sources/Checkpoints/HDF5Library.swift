package import CHDF5
import Foundation
import Synchronization

/// The one door to HDF5: calls pass one at a time, silently, and failures come back as errors.
///
/// HDF5 keeps its tables per process and most builds are not thread-safe, so the lock has to be per
/// process too; it is the only shared object of this room and holds no data. Its
/// error printing is put back after every call.
package enum HDF5Library {
    private static let turn = makeTurn()

    /// Before anything else: HDF5 shall not close itself when the process ends. Every file is
    /// closed by then; a save that still runs must not lose its tables under its feet, and after
    /// reading damaged files HDF5 would complain about what it lost of its own. Nor shall it load
    /// programs for filters that a file names.
    private static func makeTurn() -> Mutex<Void> {
        H5dont_atexit()
        _ = CHDF5_load_no_plugins()
        return Mutex(())
    }

    /// Runs one HDF5 call, which reports failure by a negative value.
    ///
    /// - Throws: ``CheckpointError/system(call:code:file:)`` where HDF5's error text names an
    ///   errno, else ``CheckpointError/library(call:detail:file:)``.
    @discardableResult
    package static func checked<Value: SignedInteger>(
        _ call: String, _ file: String, _ body: () -> Value
    ) throws(CheckpointError) -> Value {
        let (value, errors) = turn.withLock { _ -> (Value, String?) in
            let printing = CHDF5_silence()
            defer { CHDF5_restore(printing) }
            let value = body()
            return (value, value < 0 ? takeErrors() : nil)
        }
        guard let errors else { return value }
        if let code = systemCode(in: errors) {
            throw .system(call: call, code: code, file: file)
        }
        throw .library(call: call, detail: errors, file: file)
    }

    /// Runs HDF5 calls whose failure does not matter.
    static func quietly(_ body: () -> Void) {
        turn.withLock { _ in
            let printing = CHDF5_silence()
            defer { CHDF5_restore(printing) }
            body()
            H5Eclear2(CHDF5_default())
        }
    }

    private static func takeErrors() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            guard let base = buffer.baseAddress else { return "unknown error" }
            CHDF5_take_errors(base, buffer.count)
            let text = String(cString: base)
            return text.isEmpty ? "unknown error" : text
        }
    }

    /// HDF5's file driver writes `errno = 28, error message = …` into its error text.
    private static func systemCode(in errors: String) -> Int32? {
        guard let range = errors.range(of: "errno = ") else { return nil }
        let code = Int32(errors[range.upperBound...].prefix { $0.isNumber })
        return code == 0 ? nil : code
    }
}

/// An HDF5 object id that is given back when the handle goes.
package struct HDF5Handle: ~Copyable {
    package let id: hid_t

    /// Takes what `body` opens.
    package init(_ call: String, _ file: String, _ body: () -> hid_t) throws(CheckpointError) {
        id = try HDF5Library.checked(call, file, body)
    }

    deinit {
        let id = id
        HDF5Library.quietly { _ = H5Idec_ref(id) }
    }
}
