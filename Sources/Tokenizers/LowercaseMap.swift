/// Lower case scalar by scalar, without the final sigma's rule, as Hugging Face's normalizers make it.
struct LowercaseMap: Sendable {
    /// The lower case of each scalar that has another one; of U+0130 two scalars.
    let scalars: [UInt32: [UInt32]]

    static let shared = LowercaseMap()

    /// Expands the generated table.
    private init() {
        var scalars: [UInt32: [UInt32]] = [0x130: [0x69, 0x307]]
        var numbers = TableNumbers(BertScalarTable.lowercase)
        while let difference = numbers.next(), let step = numbers.next(),
            let count = numbers.next(), let distance = numbers.nextSigned()
        {
            numbers.scalar += difference
            for index in 0..<count {
                let scalar = numbers.scalar + index * step
                scalars[scalar] = [UInt32(Int32(scalar) + distance)]
            }
        }
        self.scalars = scalars
    }

    /// Adds the lower case of a scalar.
    func append(_ scalar: UInt32, to result: inout [UInt32]) {
        if let lower = scalars[scalar] { result += lower } else { result.append(scalar) }
    }

    /// Valid UTF-8 in lower case.
    func lowercase(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                result.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
                index += 1
                continue
            }
            let end = index + ScalarClasses.length(startingWith: byte)
            if let lower = scalars[ScalarClasses.scalar(at: index, of: bytes)] {
                for scalar in lower { result.append(scalar: scalar) }
            } else {
                result += bytes[index..<end]
            }
            index = end
        }
        return result
    }
}

extension [UInt8] {
    /// Adds a scalar as UTF-8.
    mutating func append(scalar value: UInt32) {
        for byte in UTF8.encode(Unicode.Scalar(value) ?? "\u{FFFD}") ?? .init() { append(byte) }
    }
}
