/// Numbers as bytes, little-endian, four each.
package enum NumberBytes {
    package static func bytes(of numbers: [Int32]) -> [UInt8] {
        numbers.withUnsafeBytes { Array($0) }
    }

    /// `nil` where the bytes are no whole numbers.
    package static func numbers(of bytes: [UInt8]) -> [Int32]? {
        guard bytes.count % 4 == 0 else { return nil }
        return [Int32](unsafeUninitializedCapacity: bytes.count / 4) { numbers, count in
            UnsafeMutableRawBufferPointer(numbers).copyBytes(from: bytes)
            count = bytes.count / 4
        }
    }
}
