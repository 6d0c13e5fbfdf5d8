internal import CHDF5
import Foundation

extension HDF5File {
    /// Writes a contiguous little-endian float32 dataset.
    ///
    /// - Parameter values: as many as the product of `shape`.
    package func writeFloats(
        _ dataset: String, shape: [Int], _ values: UnsafeBufferPointer<Float>
    ) throws(CheckpointError) {
        precondition(
            shape.reduce(1, *) == values.count,
            "writeFloats \(dataset): shape \(shape) but \(values.count) values")
        let extents = shape.map { hsize_t($0) }
        let space = try HDF5Handle("H5Screate_simple", path) {
            extents.isEmpty
                ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(extents.count), extents, nil)
        }
        try write(dataset, CHDF5_float32(), space.id, UnsafeRawBufferPointer(values))
    }

    /// Writes a contiguous little-endian float32 dataset piece by piece.
    ///
    /// - Parameters:
    ///   - most: elements of a piece; a row of the outermost extent is never divided.
    ///   - piece: gives the elements of a range, valid until it is called again.
    package func writeFloats(
        _ dataset: String, shape: [Int], most: Int,
        _ piece: (Range<Int>) throws(CheckpointError) -> UnsafeBufferPointer<Float>
    ) throws(CheckpointError) {
        let (rows, count) = (shape.first ?? 1, shape.reduce(1, *))
        let row = rows > 0 ? count / rows : 0
        let step = Self.rows(most / max(row, 1), bytes: row * 4)
        guard !shape.isEmpty, most < count, step < rows else {
            return try writeFloats(dataset, shape: shape, try piece(0..<count))
        }
        let extents = shape.map { hsize_t($0) }
        let space = try HDF5Handle("H5Screate_simple", path) {
            H5Screate_simple(Int32(extents.count), extents, nil)
        }
        let handle = try create(dataset, CHDF5_float32(), space.id)
        let (datasetID, spaceID) = (handle.id, space.id)
        for first in stride(from: 0, to: rows, by: step) {
            let height = min(step, rows - first)
            let values = try piece(first * row..<(first + height) * row)
            let start = [hsize_t(first)] + [hsize_t](repeating: 0, count: extents.count - 1)
            let part = [hsize_t(height)] + extents.dropFirst()
            try HDF5Library.checked("H5Sselect_hyperslab", path) {
                H5Sselect_hyperslab(spaceID, H5S_SELECT_SET, start, nil, part, nil)
            }
            let memory = try HDF5Handle("H5Screate_simple", path) {
                H5Screate_simple(1, [hsize_t(values.count)], nil)
            }
            let memoryID = memory.id
            try HDF5Library.checked("H5Dwrite of \(dataset)", path) {
                H5Dwrite(
                    datasetID, CHDF5_float32(), memoryID, spaceID, CHDF5_default(),
                    values.baseAddress)
            }
            try checkStorage()
        }
    }

    /// Rows of a piece: at most so many, and where it can be, such that pieces begin where blocks of the
    /// file do.
    private static func rows(_ most: Int, bytes: Int) -> Int {
        let block = Int(CHDF5_BLOCK)
        let whole = block >> min(bytes.trailingZeroBitCount, block.trailingZeroBitCount)
        return most < whole ? max(1, most) : most / whole * whole
    }

    /// Writes a scalar fixed-length UTF-8 string dataset; an empty text is stored as one zero byte.
    package func writeText(_ dataset: String, _ text: String) throws(CheckpointError) {
        let bytes = Array(text.utf8) + (text.isEmpty ? [0] : [])
        let type = try textType(bytes: bytes.count)
        let space = try HDF5Handle("H5Screate", path) { H5Screate(H5S_SCALAR) }
        let (typeID, spaceID) = (type.id, space.id)
        try bytes.withUnsafeBufferPointer { buffer throws(CheckpointError) in
            try write(dataset, typeID, spaceID, UnsafeRawBufferPointer(buffer))
        }
    }

    /// Reads a float32 dataset into `values`.
    ///
    /// - Throws: ``CheckpointError/shape(entry:found:expected:file:)`` where the dataset's extents
    ///   are not `shape`.
    package func readFloats(
        _ dataset: String, shape: [Int], into values: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
        precondition(
            shape.reduce(1, *) == values.count,
            "readFloats \(dataset): shape \(shape) but \(values.count) values")
        let handle = try open(dataset)
        let found = try self.shape(of: handle.id, named: dataset)
        guard found == shape else {
            throw .shape(entry: dataset, found: found, expected: shape, file: path)
        }
        guard !values.isEmpty else { return }
        let datasetID = handle.id
        try HDF5Library.checked("H5Dread", path) {
            H5Dread(
                datasetID, CHDF5_float32(), CHDF5_everything(), CHDF5_everything(),
                CHDF5_default(), values.baseAddress)
        }
    }

    /// The bytes of a string dataset written by ``writeText(_:_:)``.
    package func readTextBytes(_ dataset: String) throws(CheckpointError) -> [UInt8] {
        let handle = try open(dataset)
        let datasetID = handle.id
        let type = try HDF5Handle("H5Dget_type", path) { H5Dget_type(datasetID) }
        let typeID = type.id
        guard let bytes = try fixedTextBytes(typeID), try points(datasetID) == 1 else {
            throw .unsupportedType(
                entry: dataset, found: "another type", supported: "a scalar fixed-length string",
                file: path)
        }
        let stored = try HDF5Library.checked("H5Dget_storage_size", path) {
            Int(clamping: H5Dget_storage_size(datasetID))
        }
        guard stored == bytes else {
            throw .malformed(
                detail: "\(dataset) says it has \(bytes) bytes but stores \(stored)", file: path)
        }
        var buffer = [UInt8](repeating: 0, count: bytes)
        try HDF5Library.checked("H5Dread", path) {
            H5Dread(
                datasetID, typeID, CHDF5_everything(), CHDF5_everything(), CHDF5_default(),
                &buffer)
        }
        return buffer == [0] ? [] : buffer
    }

    /// Where a contiguous dataset's bytes lie in the file; `nil` while it has none.
    package func offset(of dataset: String) throws(CheckpointError) -> Int? {
        let handle = try open(dataset)
        let datasetID = handle.id
        var offset: UInt64 = .max
        HDF5Library.quietly { offset = UInt64(H5Dget_offset(datasetID)) }
        return offset == .max ? nil : Int(exactly: offset)
    }

    private func open(_ dataset: String) throws(CheckpointError) -> HDF5Handle {
        let file = id
        try checkLinks(to: dataset)
        let handle = try HDF5Handle("H5Dopen2 of \(dataset)", path) {
            H5Dopen2(file, dataset, CHDF5_default())
        }
        try checkStorage(of: handle.id, named: dataset)
        return handle
    }

    private func points(_ dataset: hid_t) throws(CheckpointError) -> Int {
        let space = try HDF5Handle("H5Dget_space", path) { H5Dget_space(dataset) }
        let spaceID = space.id
        return try HDF5Library.checked("H5Sget_simple_extent_npoints", path) {
            Int(H5Sget_simple_extent_npoints(spaceID))
        }
    }

    private func shape(
        of dataset: hid_t, named name: String
    ) throws(CheckpointError) -> [Int] {
        let type = try HDF5Handle("H5Dget_type", path) { H5Dget_type(dataset) }
        guard try isEqual(type.id, CHDF5_float32()) else {
            throw .unsupportedType(
                entry: name, found: "another type", supported: "little-endian float32", file: path)
        }
        let space = try HDF5Handle("H5Dget_space", path) { H5Dget_space(dataset) }
        let spaceID = space.id
        let rank = try HDF5Library.checked("H5Sget_simple_extent_ndims", path) {
            Int(H5Sget_simple_extent_ndims(spaceID))
        }
        var extents = [hsize_t](repeating: 0, count: max(rank, 1))
        try HDF5Library.checked("H5Sget_simple_extent_dims", path) {
            H5Sget_simple_extent_dims(spaceID, &extents, nil)
        }
        return extents.prefix(rank).map { Int(clamping: $0) }
    }

    private func write(
        _ dataset: String, _ type: hid_t, _ space: hid_t, _ bytes: UnsafeRawBufferPointer
    ) throws(CheckpointError) {
        let handle = try create(dataset, type, space)
        guard !bytes.isEmpty else { return }
        let datasetID = handle.id
        try HDF5Library.checked("H5Dwrite of \(dataset)", path) {
            H5Dwrite(
                datasetID, type, CHDF5_everything(), CHDF5_everything(), CHDF5_default(),
                bytes.baseAddress)
        }
        try checkStorage()
    }

    private func create(
        _ dataset: String, _ type: hid_t, _ space: hid_t
    ) throws(CheckpointError) -> HDF5Handle {
        let (file, propertiesID) = (id, try creationProperties())
        return try HDF5Handle("H5Dcreate2 of \(dataset)", path) {
            H5Dcreate2(
                file, dataset, type, space, CHDF5_default(), propertiesID, CHDF5_default())
        }
    }
}
