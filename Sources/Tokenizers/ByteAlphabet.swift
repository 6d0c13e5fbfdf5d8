/// GPT-2's printable stand-ins for the 256 bytes, in which tokenizer.json writes its tokens.
///
/// Printable bytes of Latin-1 stand for themselves, the others are U+0100 and on, in order.
/// Source: Radford et al. 2019, `bytes_to_unicode` of the published encoder.
package struct ByteAlphabet: Sendable {
    /// The stand-in of each byte.
    package let scalars: [Unicode.Scalar]
    /// The byte of each stand-in up to U+0143; -1 where a scalar stands for none.
    private let bytes: [Int16]

    /// Builds the two tables.
    package init() {
        var scalars: [Unicode.Scalar] = []
        var bytes = [Int16](repeating: -1, count: 0x144)
        var next: UInt16 = 0x100
        for byte in UInt8.min...UInt8.max {
            var scalar = Unicode.Scalar(byte)
            let isPrintable =
                (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
            if !isPrintable, let standIn = Unicode.Scalar(next) {
                scalar = standIn
                next += 1
            }
            scalars.append(scalar)
            bytes[Int(scalar.value)] = Int16(byte)
        }
        self.scalars = scalars
        self.bytes = bytes
    }

    /// The byte a scalar stands for.
    func byte(of scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.value < bytes.count, bytes[Int(scalar.value)] >= 0 else { return nil }
        return UInt8(bytes[Int(scalar.value)])
    }

    /// The bytes a token stands for, or `nil` if one of its scalars stands for none.
    func bytes(of token: String) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = byte(of: scalar) else { return nil }
            result.append(byte)
        }
        return result
    }

    /// The token that stands for `bytes`.
    func token(of bytes: some Sequence<UInt8>) -> String {
        var result = String.UnicodeScalarView()
        for byte in bytes { result.append(scalars[Int(byte)]) }
        return String(result)
    }
}
