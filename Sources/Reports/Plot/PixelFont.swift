/// Letters of 5 by 7 pixels for plots, printable ASCII.
enum PixelFont {
    /// The five columns of a letter from left to right; bit 0 is the top row. Other characters are
    /// drawn as a box.
    static func columns(of character: Character) -> [UInt8] {
        guard let ascii = character.asciiValue, (32...126).contains(ascii) else {
            return [0x7f, 0x41, 0x41, 0x41, 0x7f]
        }
        let start = 10 * Int(ascii - 32)
        return (0..<5).map { column in
            hexDigit(digits[start + 2 * column]) << 4 | hexDigit(digits[start + 2 * column + 1])
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "a") ? byte - UInt8(ascii: "a") + 10 : byte - UInt8(ascii: "0")
    }

    /// Ten hexadecimal digits a letter, from the space to the tilde; five letters a line.
    private static let digits = Array(
        """
        000000000000005f00000007000700147f147f14242a7f2a12\
        231308646236495620500008070300001c2241000041221c00\
        2a1c7f1c2a08083e0808008070300008080808080000606000\
        20100804023e5149453e00427f400072494949462141494d33\
        1814127f1027454545393c4a49493141211109073649494936\
        464949291e0000140000004034000000081422411414141414\
        004122140802015909063e415d594e7c1211127c7f49494936\
        3e414141227f4141413e7f494949417f090909013e41415173\
        7f0808087f00417f41002040413f017f081422417f40404040\
        7f021c027f7f0408107f3e4141413e7f090909063e4151215e\
        7f09192946264949493203017f01033f4040403f1f2040201f\
        3f4038403f631408146303047804036159494d43007f414141\
        0204081020004141417f040201020440404040400003070800\
        20545478407f284444383844444428384444287f3854545418\
        00087e090218a4a49c787f0804047800447d40002040403d00\
        7f1028440000417f40007c047804787c080404783844444438\
        fc1824241818242418fc7c08040408485454542404043f4424\
        3c4040207c1c2040201c3c4030403c44281028444c9090907c\
        4464544c440008364100000077000000413608000201020402
        """.utf8)
}
