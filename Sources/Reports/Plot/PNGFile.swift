import Files
import Foundation

/// Packs pixels as a .png file (PNG specification, third edition).
enum PNGFile {
    /// An image of `rgb`, three bytes a pixel, row by row.
    static func data(width: Int, height: Int, rgb: [UInt8]) -> Data {
        var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        // 8 bits a channel, true colour, no interlacing.
        append(
            "IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 2, 0, 0, 0], &file)
        append("IDAT", Zlib.compressed(filtered(rgb, rowBytes: 3 * width)), &file)
        append("IEND", [], &file)
        return Data(file)
    }

    /// Each row as its difference from the row above (filter 2), which is mostly zeros in a plot.
    private static func filtered(_ rgb: [UInt8], rowBytes: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rgb.count + rgb.count / max(1, rowBytes))
        for start in stride(from: 0, to: rgb.count, by: rowBytes) {
            bytes.append(2)
            for index in start..<start + rowBytes {
                bytes.append(index < rowBytes ? rgb[index] : rgb[index] &- rgb[index - rowBytes])
            }
        }
        return bytes
    }

    private static func append(_ type: String, _ content: [UInt8], _ file: inout [UInt8]) {
        let body = Array(type.utf8) + content
        file += bigEndian(UInt32(content.count)) + body + bigEndian(Zlib.crc32(body))
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
