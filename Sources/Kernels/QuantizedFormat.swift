private import CKernels

/// How weights lie in blocks along the columns of a row: GGUF's formats, and NF4.
///
/// The raw value is GGUF's type number (ggml.h, `enum ggml_type`); NF4, which GGUF does not have,
/// has one of our own. NF4: Dettmers et al. 2023, arXiv:2305.14314, with bitsandbytes' table and
/// blocks of 64 columns, each with its largest magnitude in float32.
// swift-format-ignore: AlwaysUseLowerCamelCase
package enum QuantizedFormat: UInt32, Sendable, CaseIterable {
    case q4_0 = 2
    case q4_1 = 3
    case q5_0 = 6
    case q5_1 = 7
    case q8_0 = 8
    case q2K = 10
    case q3K = 11
    case q4K = 12
    case q5K = 13
    case q6K = 14
    case nf4 = 1000

    /// Columns of a block.
    package var blockColumns: Int { lk_block_columns(code) }

    /// Bytes of a block.
    package var blockBytes: Int { lk_block_bytes(code) }

    /// Bytes of a row of `columns` columns; its last block may stand for fewer columns than others.
    package func rowBytes(columns: Int) -> Int {
        (columns + blockColumns - 1) / blockColumns * blockBytes
    }

    /// As GGUF spells it: Q4_0, Q4_K, …; NF4.
    package var name: String {
        switch self {
        case .q4_0: "Q4_0"
        case .q4_1: "Q4_1"
        case .q5_0: "Q5_0"
        case .q5_1: "Q5_1"
        case .q8_0: "Q8_0"
        case .q2K: "Q2_K"
        case .q3K: "Q3_K"
        case .q4K: "Q4_K"
        case .q5K: "Q5_K"
        case .q6K: "Q6_K"
        case .nf4: "NF4"
        }
    }

    /// Whether ``QuantizedMatrix/quantize(_:rows:columns:as:)`` can write it.
    package var canEncode: Bool { self == .q8_0 || self == .nf4 }

    /// As the C kernels take it.
    var code: Int32 { Int32(rawValue) }
}
