import Foundation

/// Packs pixels as a .png file (PNG specification, third edition; RFC 1950 and 1951).
enum PNGFile {
    /// An image of `rgb`, three bytes a pixel, row by row.
    static func data(width: Int, height: Int, rgb: [UInt8]) -> Data {
        var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        // 8 bits a channel, true colour, no interlacing.
        append(
            "IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 2, 0, 0, 0], &file)
        append("IDAT", zlib(filtered(rgb, rowBytes: 3 * width)), &file)
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
        file += bigEndian(UInt32(content.count)) + body + bigEndian(crc32(body))
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var table: [UInt32] = []
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
            table.append(value)
        }
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 0xff)] ^ (crc >> 8) }
        return ~crc
    }

    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65521
            high = (high + low) % 65521
        }
        return high << 16 | low
    }

    private static func zlib(_ bytes: [UInt8]) -> [UInt8] {
        [0x78, 0x01] + Deflate.fixed(bytes) + bigEndian(adler32(bytes))
    }
}

/// The simplest useful form of deflate: one block of fixed codes whose only matches repeat the
/// byte before. That is enough for rows of zeros.
private struct Deflate {
    private var output: [UInt8] = []
    private var pending: UInt32 = 0
    private var pendingBits = 0

    static func fixed(_ bytes: [UInt8]) -> [UInt8] {
        var deflate = Deflate()
        deflate.put(0b011, 3)  // last block, fixed codes
        var index = 0
        while index < bytes.count {
            deflate.putLiteral(Int(bytes[index]))
            var run = 0
            while index + 1 + run < bytes.count, bytes[index + 1 + run] == bytes[index] { run += 1 }
            index += 1
            while run >= 3 {
                let length = min(run, 258)
                deflate.putMatch(length)
                run -= length
                index += length
            }
        }
        deflate.putLiteral(256)
        if deflate.pendingBits > 0 { deflate.put(0, 8 - deflate.pendingBits) }
        return deflate.output
    }

    /// Adds the low `count` bits of `value`, the lowest first.
    private mutating func put(_ value: UInt32, _ count: Int) {
        pending |= value << pendingBits
        pendingBits += count
        while pendingBits >= 8 {
            output.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= 8
        }
    }

    /// Adds a Huffman code, whose highest bit comes first.
    private mutating func putCode(_ code: UInt32, _ count: Int) {
        var reversed: UInt32 = 0
        for bit in 0..<count where code >> bit & 1 == 1 { reversed |= 1 << (count - 1 - bit) }
        put(reversed, count)
    }

    /// Adds a symbol of the literal and length alphabet (RFC 1951, 3.2.6).
    private mutating func putLiteral(_ symbol: Int) {
        switch symbol {
        case 0...143: putCode(UInt32(0x30 + symbol), 8)
        case 144...255: putCode(UInt32(0x190 + symbol - 144), 9)
        case 256...279: putCode(UInt32(symbol - 256), 7)
        default: putCode(UInt32(0xc0 + symbol - 280), 8)
        }
    }

    /// Adds a match of 3 to 258 bytes at distance 1 (RFC 1951, 3.2.5).
    private mutating func putMatch(_ length: Int) {
        if length == 258 {
            putLiteral(285)
        } else if length < 11 {
            putLiteral(254 + length)
        } else {
            // Groups of four codes with 1 to 5 extra bits.
            let offset = length - 3
            let extra = Int.bitWidth - offset.leadingZeroBitCount - 3
            putLiteral(257 + 4 * extra + offset >> extra)
            put(UInt32(offset & (1 << extra - 1)), extra)
        }
        putCode(0, 5)
    }
}
