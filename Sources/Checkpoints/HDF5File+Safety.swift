internal import CHDF5
import Files
import Foundation

/// A checkpoint's bytes lie in its own file, one array after another. HDF5 knows ways for a file to
/// reach elsewhere, and then whoever makes a checkpoint could have another file read; none is
/// followed.
extension HDF5File {
    /// Makes sure that every part of `path` is a link to an object of this file.
    ///
    /// - Throws: ``CheckpointError/elsewhere(entry:found:file:)`` for a soft or external link,
    ///   ``CheckpointError/missing(entry:file:)`` where nothing is.
    func checkLinks(to path: String) throws(CheckpointError) {
        let file = id
        var prefix = ""
        for part in path.split(separator: "/") {
            prefix += "/" + part
            let link = prefix
            var isThere: htri_t = 0
            HDF5Library.quietly { isThere = H5Lexists(file, link, CHDF5_default()) }
            guard isThere > 0 else { throw .missing(entry: link, file: self.path) }
            var (kind, bytes): (Int32, Int) = (0, 0)
            try HDF5Library.checked("H5Lget_info of \(link)", self.path) {
                CHDF5_link(file, link, &kind, &bytes)
            }
            guard kind == Self.hardLink else {
                let found = try describe(link, isExternal: kind != Self.softLink, bytes: bytes)
                throw .elsewhere(entry: link, found: found, file: self.path)
            }
        }
    }

    /// As `CHDF5_link` tells them.
    private static let (hardLink, softLink): (Int32, Int32) = (0, 1)

    /// A link in words.
    private func describe(
        _ path: String, isExternal: Bool, bytes count: Int
    ) throws(CheckpointError) -> String {
        let file = id
        // Names are short; what a damaged file calls its length is not believed.
        let size = min(max(count, 0), 4096)
        guard size > 0 else { return "a link" }
        var bytes = [UInt8](repeating: 0, count: size)
        try HDF5Library.checked("H5Lget_val of \(path)", self.path) {
            H5Lget_val(file, path, &bytes, size, CHDF5_default())
        }
        // Of an external link: flags, the file's name, a zero, the object's name, a zero.
        let names = bytes.dropFirst(isExternal ? 1 : 0).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
        guard let first = names.first else { return "a link" }
        return isExternal ? "an external link into the file \(first)" : "a soft link to \(first)"
    }

    /// Makes sure that a dataset's bytes lie in this file as they are.
    ///
    /// - Parameter name: its path.
    /// - Throws: ``CheckpointError/elsewhere(entry:found:file:)`` for external storage and virtual
    ///   datasets, ``CheckpointError/malformed(detail:file:)`` for chunks and filters, and for more
    ///   bytes than the file has.
    func checkStorage(of dataset: hid_t, named name: String) throws(CheckpointError) {
        let handle = try HDF5Handle("H5Dget_create_plist", path) { H5Dget_create_plist(dataset) }
        let properties = handle.id
        let others = try HDF5Library.checked("H5Pget_external_count", path) {
            H5Pget_external_count(properties)
        }
        guard others == 0 else {
            var bytes = [CChar](repeating: 0, count: 4096)
            try HDF5Library.checked("H5Pget_external", path) {
                H5Pget_external(properties, 0, bytes.count - 1, &bytes, nil, nil)
            }
            let other = String(
                decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw .elsewhere(
                entry: name, found: "stored in the external file \(other)", file: path)
        }
        var layout = H5D_LAYOUT_ERROR
        HDF5Library.quietly { layout = H5Pget_layout(properties) }
        if layout == H5D_VIRTUAL {
            throw .elsewhere(
                entry: name, found: "a virtual dataset made of other files", file: path)
        }
        let filters = try HDF5Library.checked("H5Pget_nfilters", path) {
            H5Pget_nfilters(properties)
        }
        guard filters == 0, layout == H5D_CONTIGUOUS || layout == H5D_COMPACT else {
            let found = try describeFilters(properties, count: Int(filters))
            throw .malformed(
                detail: "\(name) is stored in \(found); expected a contiguous dataset without "
                    + "filters, as lockstep writes it", file: path)
        }
        let stored = try HDF5Library.checked("H5Dget_storage_size", path) {
            Int(clamping: H5Dget_storage_size(dataset))
        }
        let most = PendingFile.bytes(of: path)
        guard stored <= most else {
            throw .malformed(
                detail: "\(name) says that it has \(stored) bytes, but the file has \(most)",
                file: path)
        }
    }

    private func describeFilters(
        _ properties: hid_t, count: Int
    ) throws(CheckpointError) -> String {
        guard count > 0 else { return "chunks" }
        var names: [String] = []
        for index in 0..<min(count, 8) {
            var flags: UInt32 = 0
            var values = 0
            var bytes = [CChar](repeating: 0, count: 128)
            var configuration: UInt32 = 0
            let number = try HDF5Library.checked("H5Pget_filter2", path) {
                H5Pget_filter2(
                    properties, UInt32(index), &flags, &values, nil, bytes.count - 1, &bytes,
                    &configuration)
            }
            let name = String(
                decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            names.append(name.isEmpty ? "filter \(number)" : "filter \(number) (\(name))")
        }
        return "chunks packed by \(names.joined(separator: ", "))"
    }
}
