import Files

/// Tells whether a file is as it was: its size, and the CRC-32 of its bytes, or of samples of them
/// where it is large.
struct FileMark: Sendable, Equatable {
    var bytes: Int
    var checksum: UInt32

    init(bytes: Int, checksum: UInt32) {
        self.bytes = bytes
        self.checksum = checksum
    }

    /// `nil` where the file cannot be read.
    init?(_ path: String) {
        guard let file = try? MappedFile(path) else { return nil }
        bytes = file.bytes.count
        checksum = 0
        guard bytes > Self.wholeBytes else {
            checksum = TextData.checksum(file.bytes)
            return
        }
        for index in 0..<Self.blocks {
            let place = Double(bytes - Self.blockBytes) * Double(index) / Double(Self.blocks - 1)
            checksum = TextData.checksum(
                .init(rebasing: file.bytes[Int(place)..<Int(place) + Self.blockBytes]),
                from: checksum)
        }
    }

    private static let wholeBytes = 64 << 20
    private static let blocks = 1024
    private static let blockBytes = 16 << 10
}
