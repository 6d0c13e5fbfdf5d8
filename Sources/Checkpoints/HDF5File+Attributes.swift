internal import CHDF5
import Files
import Foundation

/// A scalar attribute of an HDF5 object.
package enum AttributeValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case unsigned(UInt64)
    case real(Double)

    /// Type and exact value as text: what checksums of attributes are taken over.
    var canonical: String {
        switch self {
        case .text(let value): "text:\(value)"
        case .integer(let value): "int64:\(value)"
        case .unsigned(let value): "uint64:\(value)"
        case .real(let value): "float64:\(value.bitPattern)"
        }
    }
}

extension HDF5File {
    /// Stores a scalar attribute on the group or dataset at `object`.
    package func setAttribute(
        _ name: String, _ value: AttributeValue, on object: String
    ) throws(CheckpointError) {
        switch value {
        case .text(let text): try setText(name, text, on: object)
        case .integer(let number): try setNumber(name, number, CHDF5_int64(), on: object)
        case .unsigned(let number): try setNumber(name, number, CHDF5_uint64(), on: object)
        case .real(let number): try setNumber(name, number, CHDF5_float64(), on: object)
        }
    }

    /// All attributes of the group or dataset at `object`.
    ///
    /// - Throws: ``CheckpointError/unsupportedType(entry:found:supported:file:)`` for anything but
    ///   a scalar string or number, and what HDF5 reports.
    package func attributes(of object: String) throws(CheckpointError) -> [String: AttributeValue] {
        let file = id
        try checkLinks(to: object)
        let handle = try HDF5Handle("H5Oopen", path) { H5Oopen(file, object, CHDF5_default()) }
        let objectID = handle.id
        var values: [String: AttributeValue] = [:]
        for name in try attributeNames(objectID) {
            values[name] = try attribute(name, of: objectID, named: object)
        }
        return values
    }

    private func setText(
        _ name: String, _ text: String, on object: String
    ) throws(CheckpointError) {
        let bytes = Array(text.utf8) + (text.isEmpty ? [0] : [])
        let type = try textType(bytes: bytes.count)
        try writeAttribute(name, type.id, on: object) { attribute, type in
            bytes.withUnsafeBytes { H5Awrite(attribute, type, $0.baseAddress) }
        }
    }

    private func setNumber<Number: BitwiseCopyable>(
        _ name: String, _ number: Number, _ type: hid_t, on object: String
    ) throws(CheckpointError) {
        try writeAttribute(name, type, on: object) { attribute, type in
            withUnsafeBytes(of: number) { H5Awrite(attribute, type, $0.baseAddress) }
        }
    }

    private func writeAttribute(
        _ name: String, _ type: hid_t, on object: String, write: (hid_t, hid_t) -> herr_t
    ) throws(CheckpointError) {
        let file = id
        let space = try HDF5Handle("H5Screate", path) { H5Screate(H5S_SCALAR) }
        let attribute = try HDF5Handle("H5Acreate_by_name", path) {
            H5Acreate_by_name(
                file, object, name, type, space.id, CHDF5_default(), CHDF5_default(),
                CHDF5_default())
        }
        let attributeID = attribute.id
        try HDF5Library.checked("H5Awrite", path) { write(attributeID, type) }
    }

    private func attributeNames(_ object: hid_t) throws(CheckpointError) -> [String] {
        var names: [String] = []
        try withUnsafeMutablePointer(to: &names) { pointer throws(CheckpointError) in
            _ = try HDF5Library.checked("H5Aiterate2", path) {
                H5Aiterate2(
                    object, H5_INDEX_NAME, H5_ITER_NATIVE, nil,
                    { _, name, _, data in
                        guard let name, let data else { return -1 }
                        data.assumingMemoryBound(to: [String].self).pointee
                            .append(String(cString: name))
                        return 0
                    }, pointer)
            }
        }
        return names
    }

    private func attribute(
        _ name: String, of object: hid_t, named objectName: String
    ) throws(CheckpointError) -> AttributeValue {
        let attribute = try HDF5Handle("H5Aopen", path) {
            H5Aopen(object, name, CHDF5_default())
        }
        let attributeID = attribute.id
        let type = try HDF5Handle("H5Aget_type", path) { H5Aget_type(attributeID) }
        let space = try HDF5Handle("H5Aget_space", path) { H5Aget_space(attributeID) }
        let (typeID, spaceID) = (type.id, space.id)
        let elements = try HDF5Library.checked("H5Sget_simple_extent_npoints", path) {
            H5Sget_simple_extent_npoints(spaceID)
        }
        if elements == 1 {
            if try isEqual(typeID, CHDF5_int64()) {
                return .integer(try readNumber(attributeID, typeID, Int64(0)))
            }
            if try isEqual(typeID, CHDF5_uint64()) {
                return .unsigned(try readNumber(attributeID, typeID, UInt64(0)))
            }
            if try isEqual(typeID, CHDF5_float64()) {
                return .real(try readNumber(attributeID, typeID, Double(0)))
            }
            if let bytes = try fixedTextBytes(typeID) {
                let most = PendingFile.bytes(of: path)
                guard bytes <= most else {
                    throw .malformed(
                        detail:
                            "attribute \(name) of \(objectName) says that it has \(bytes) bytes, "
                            + "but the file has \(most)", file: path)
                }
                var buffer = [UInt8](repeating: 0, count: bytes)
                try HDF5Library.checked("H5Aread", path) { H5Aread(attributeID, typeID, &buffer) }
                if buffer == [0] { buffer = [] }
                return .text(String(decoding: buffer, as: UTF8.self))
            }
        }
        throw .unsupportedType(
            entry: "attribute \(name) of \(objectName)", found: "another type",
            supported: "a scalar int64, uint64, float64 or fixed-length string", file: path)
    }

    private func readNumber<Number: BitwiseCopyable>(
        _ attribute: hid_t, _ type: hid_t, _ zero: Number
    ) throws(CheckpointError) -> Number {
        var number = zero
        try HDF5Library.checked("H5Aread", path) { H5Aread(attribute, type, &number) }
        return number
    }

    /// Whether two HDF5 types are the same.
    func isEqual(_ type: hid_t, _ other: hid_t) throws(CheckpointError) -> Bool {
        try HDF5Library.checked("H5Tequal", path) { H5Tequal(type, other) } > 0
    }

    /// A fixed-length UTF-8 string type. `bytes` is at least 1.
    func textType(bytes: Int) throws(CheckpointError) -> HDF5Handle {
        let type = try HDF5Handle("H5Tcopy", path) { H5Tcopy(CHDF5_string()) }
        let typeID = type.id
        try HDF5Library.checked("H5Tset_size", path) { H5Tset_size(typeID, bytes) }
        try HDF5Library.checked("H5Tset_cset", path) { H5Tset_cset(typeID, H5T_CSET_UTF8) }
        try HDF5Library.checked("H5Tset_strpad", path) { H5Tset_strpad(typeID, H5T_STR_NULLPAD) }
        return type
    }

    /// The size of a fixed-length string type; `nil` for another type.
    func fixedTextBytes(_ type: hid_t) throws(CheckpointError) -> Int? {
        var kind = H5T_NO_CLASS
        HDF5Library.quietly { kind = H5Tget_class(type) }
        guard kind == H5T_STRING else { return nil }
        let variable = try HDF5Library.checked("H5Tis_variable_str", path) {
            H5Tis_variable_str(type)
        }
        var bytes = 0
        HDF5Library.quietly { bytes = H5Tget_size(type) }
        return variable > 0 || bytes == 0 ? nil : bytes
    }
}
