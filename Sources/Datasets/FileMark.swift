import Files

/// Tells whether a file is as it was: its size, and the CRC-32 of its bytes, or of samples of them
/// where it is large.
package struct FileMark: Sendable, Equatable {
    package var bytes: Int
    package var checksum: UInt32

    package init(bytes: Int, checksum: UInt32) {
        self.bytes = bytes
        self.checksum = checksum
    }

    /// `nil` where the file cannot be read.
    package init?(_ path: String) {
        guard let file = try? MappedFile(path) else { return nil }
        bytes = file.bytes.count
        checksum = 0
        guard bytes > Self.wholeBytes else {
            checksum = Zlib.crc32(file.bytes, from: 0)
            return
        }
        for index in 0..<Self.blocks {
            let place = Double(bytes - Self.blockBytes) * Double(index) / Double(Self.blocks - 1)
            checksum = Zlib.crc32(
                .init(rebasing: file.bytes[Int(place)..<Int(place) + Self.blockBytes]),
                from: checksum)
        }
    }

    private static let wholeBytes = 64 << 20
    private static let blocks = 1024
    private static let blockBytes = 16 << 10
}
