package import Foundation

/// A record of a TFRecord file: length, checksum of the length, data, checksum of the data.
///
/// Source: tensorflow/core/lib/io/record_writer.h. Checksums are CRC-32C (Castagnoli), rotated and offset
/// ("masked") because checksums of data that hold checksums are weak.
package enum EventRecord {
    /// The record's bytes.
    package static func bytes(of data: Data) -> Data {
        var record = Data(capacity: data.count + 16)
        record.append(littleEndian: UInt64(data.count))
        record.append(littleEndian: maskedChecksum(of: record))
        record.append(data)
        record.append(littleEndian: maskedChecksum(of: data))
        return record
    }

    static func maskedChecksum(of data: Data) -> UInt32 {
        let checksum = checksum(of: data)
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }

    /// CRC-32C: reflected polynomial 0x82F63B78, all bits set before and inverted after.
    package static func checksum(of data: Data) -> UInt32 {
        var checksum = UInt32.max
        for byte in data {
            checksum = table[Int(UInt8(truncatingIfNeeded: checksum) ^ byte)] ^ (checksum >> 8)
        }
        return ~checksum
    }

    /// The checksum's change by each value of a byte.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1
        }
    }
}
