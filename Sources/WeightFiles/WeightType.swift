/// The element types in which weights are stored and exchanged.
package enum WeightType: String, Sendable, CaseIterable {
    case float32 = "F32"
    case bfloat16 = "BF16"
    case float16 = "F16"

    /// From a setting's spelling: `fp32`, `bf16`, `fp16` or PyTorch's `float32`, `bfloat16`,
    /// `float16`.
    package init?(setting: String) {
        switch setting {
        case "fp32", "float32": self = .float32
        case "bf16", "bfloat16": self = .bfloat16
        case "fp16", "float16": self = .float16
        default: return nil
        }
    }

    /// PyTorch's spelling, as config.json has it.
    package var torchName: String {
        switch self {
        case .float32: "float32"
        case .bfloat16: "bfloat16"
        case .float16: "float16"
        }
    }

    /// Bytes of one number.
    package var bytes: Int { self == .float32 ? 4 : 2 }

    /// `values` in this type, rounded to nearest, ties to even; beyond the range becomes infinity.
    package func encode(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer
    ) {
        precondition(
            bytes.count == values.count * self.bytes,
            "encode: \(values.count) values as \(rawValue) but \(bytes.count) bytes")
        guard let base = bytes.baseAddress else { return }
        switch self {
        case .float32:
            bytes.copyMemory(from: UnsafeRawBufferPointer(values))
        case .bfloat16:
            for index in values.indices {
                let half = Self.bfloat16(values[index])
                base.storeBytes(of: half, toByteOffset: index &* 2, as: UInt16.self)
            }
        case .float16:
            for index in values.indices {
                let half = Self.float16(values[index])
                base.storeBytes(of: half, toByteOffset: index &* 2, as: UInt16.self)
            }
        }
    }

    /// The bits of the nearest bfloat16; NaN stays NaN.
    package static func bfloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }

    /// The bits of the nearest IEEE half; NaN stays NaN.
    package static func float16(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: (value.bitPattern & 0x8000_0000) >> 16)
        let bits = value.bitPattern & 0x7FFF_FFFF
        if bits >= 0x4780_0000 { return sign | (bits > 0x7F80_0000 ? 0x7E00 : 0x7C00) }
        if bits < 0x3880_0000 {
            // Below the smallest normal half: adding ½ lets the processor do the rounding.
            let rounded = (Float(bitPattern: bits) + 0.5).bitPattern
            return sign | UInt16(truncatingIfNeeded: rounded &- 0x3F00_0000)
        }
        let rebased = bits &- 0x3800_0000 &+ 0xFFF &+ ((bits >> 13) & 1)
        return sign | UInt16(truncatingIfNeeded: rebased >> 13)
    }

    /// The value of bfloat16 bits.
    package static func float(bfloat16 bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }

    /// The value of IEEE half bits.
    package static func float(float16 bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits & 0x7C00)
        let rest = UInt32(bits & 0x7FFF) << 13
        if exponent == 0x7C00 { return Float(bitPattern: sign | (rest &+ 0x7000_0000)) }
        if exponent == 0 {
            // A subnormal counts units of 2⁻²⁴.
            return Float(bitPattern: sign | (Float(bits & 0x3FF) * 0x1p-24).bitPattern)
        }
        return Float(bitPattern: sign | (rest &+ 0x3800_0000))
    }
}
