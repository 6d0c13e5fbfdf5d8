import Foundation

extension HuggingFaceFolder {
    /// Whether two weights have the same shape and the same numbers.
    ///
    /// - Throws: as ``floats(_:)``.
    package func haveSameNumbers(_ a: String, _ b: String) throws(WeightFileError) -> Bool {
        let (shape, type) = (try self.shape(a), try self.type(a))
        guard try self.shape(b) == shape else { return false }
        guard try self.type(b) == type else { return try floats(a) == floats(b) }
        return try file(a).withBytes(of: a) { bytes throws(WeightFileError) in
            try file(b).withBytes(of: b) { others throws(WeightFileError) in
                guard let start = bytes.baseAddress, let other = others.baseAddress else {
                    return bytes.count == others.count
                }
                return bytes.count == others.count && memcmp(start, other, bytes.count) == 0
            }
        }
    }

    /// A small array's numbers; masks of single bytes too.
    ///
    /// - Throws: as ``floats(_:)``.
    package func numbers(_ name: String) throws(WeightFileError) -> [Float] {
        guard try ["BOOL", "U8"].contains(type(name)) else { return try floats(name) }
        return try file(name).withBytes(of: name) { bytes throws(WeightFileError) in
            bytes.map { Float($0) }
        }
    }
}
