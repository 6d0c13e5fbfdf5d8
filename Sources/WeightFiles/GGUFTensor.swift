/// A tensor of a GGUF file.
package struct GGUFTensor {
    package let name: String
    /// Outermost first: the file's in reverse.
    package let extents: [Int]
    /// The file's number for the element type (ggml.h, `enum ggml_type`).
    package let typeID: UInt32
    /// As ggml spells the type: F32, Q4_K, …
    package var typeName: String {
        GGUFTensorType.of(typeID)?.name ?? "unknown (number \(typeID))"
    }
    /// Its bytes where they are mapped, at any alignment, valid while the file object lives. Empty for
    /// a type that this program does not know.
    package let bytes: UnsafeRawBufferPointer

    /// Elements.
    package var count: Int { extents.reduce(1, *) }
}

/// How elements lie in a GGUF file: blocks along the innermost axis.
struct GGUFTensorType {
    let name: String
    /// Elements and bytes of a block.
    let blockElements: Int
    let blockBytes: Int

    /// - Source: ggml.h and ggml-common.h of https://github.com/ggml-org/llama.cpp.
    static func of(_ id: UInt32) -> GGUFTensorType? {
        known[id].map { GGUFTensorType(name: $0.0, blockElements: $0.1, blockBytes: $0.2) }
    }

    private static let known: [UInt32: (String, Int, Int)] = [
        0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
        6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
        10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
        13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
        16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
        19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
        22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
        26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
        30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
        39: ("MXFP4", 32, 17),
    ]
}
