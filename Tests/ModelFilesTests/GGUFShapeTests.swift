import Kernels
import ModelFiles
import Testing
import WeightFiles

/// Tensors of a GGUF file whose shapes are not the model's, in blocks or as numbers.
@Suite struct GGUFShapeTests {
    /// What stands in the file in place of a tensor.
    struct Change: Sendable, CustomTestStringConvertible {
        let folder, tensor: String
        let extents, expected: [Int]
        var testDescription: String { "\(folder) \(tensor) \(extents)" }
    }

    private static let formats: [QuantizedFormat?] = [nil, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1]

    private func message(
        _ folder: String, _ tensor: String, _ extents: [Int], _ format: QuantizedFormat?,
        keepingBlocks: Bool
    ) throws -> String {
        var file = try TinyGGUF(folder)
        let count = extents.reduce(1, *)
        let numbers = (0..<count).map { Float($0 % 7) - 3 }
        file.tensors[tensor] = (extents, numbers)
        file.formats[tensor] = format
        return try file.message(keepingBlocks: keepingBlocks)
    }

    @Test(arguments: [
        // Turned, shorter, longer, wider, flat, with an axis too many.
        Change(
            folder: "llama", tensor: "blk.0.ffn_up.weight", extents: [32, 64], expected: [64, 32]),
        Change(
            folder: "llama", tensor: "blk.0.ffn_up.weight", extents: [63, 32], expected: [64, 32]),
        Change(
            folder: "llama", tensor: "blk.1.ffn_gate.weight", extents: [96, 32],
            expected: [64, 32]),
        Change(
            folder: "llama", tensor: "blk.1.attn_v.weight", extents: [32, 64], expected: [32, 32]),
        Change(
            folder: "llama", tensor: "blk.0.attn_k.weight", extents: [1024], expected: [32, 32]),
        Change(
            folder: "llama", tensor: "blk.0.attn_q.weight", extents: [2, 32, 32],
            expected: [64, 32]),
        Change(
            folder: "gpt2", tensor: "blk.0.attn_qkv.weight", extents: [32, 96],
            expected: [96, 32]),
        // Experts one below the other without their axis, one expert only, one too many, turned.
        Change(
            folder: "mixtral", tensor: "blk.0.ffn_up_exps.weight", extents: [96, 32],
            expected: [3, 32, 32]),
        Change(
            folder: "mixtral", tensor: "blk.1.ffn_down_exps.weight", extents: [32, 32],
            expected: [3, 32, 32]),
        Change(
            folder: "qwen3_moe", tensor: "blk.0.ffn_gate_exps.weight", extents: [4, 32, 32],
            expected: [3, 32, 32]),
        Change(
            folder: "qwen3_moe", tensor: "blk.1.ffn_up_exps.weight", extents: [2, 32, 32],
            expected: [3, 32, 32]),
        Change(
            folder: "mixtral", tensor: "blk.0.ffn_gate_exps.weight", extents: [3, 1024],
            expected: [3, 32, 32]),
        Change(
            folder: "mixtral", tensor: "blk.1.ffn_gate_exps.weight", extents: [32, 3, 32],
            expected: [3, 32, 32]),
    ])
    func aTensorOfAnotherShapeIsNamed(change: Change) throws {
        for format in Self.formats {
            for keepingBlocks in [false, true] {
                let found = try message(
                    change.folder, change.tensor, change.extents, format,
                    keepingBlocks: keepingBlocks)
                // Some are met before the model is there, by what the file's keys say of rows.
                let expected = [
                    "\(change.expected)", "\(change.expected[0]) rows",
                    "\(change.expected[0]) or \(2 * change.expected[0]) rows",
                ]
                #expect(
                    found.contains(change.tensor) && found.contains("x.gguf")
                        && expected.contains {
                            found.contains(" has shape \(change.extents), expected \($0)")
                        }, "\(format?.name ?? "F32"): \(found)")
            }
        }
    }

    /// What the test above would not see if no such file could be read.
    @Test(arguments: [
        ("llama", "blk.0.ffn_up.weight", [64, 32]), ("llama", "blk.1.attn_k.weight", [32, 32]),
        ("gpt2", "blk.0.attn_qkv.weight", [96, 32]),
        ("mixtral", "blk.0.ffn_up_exps.weight", [3, 32, 32]),
        ("qwen3_moe", "blk.1.ffn_down_exps.weight", [3, 32, 32]),
    ])
    func theShapesOfTheModelAreReadInEveryFormat(
        folder: String, tensor: String, extents: [Int]
    ) throws {
        for format in Self.formats {
            for keepingBlocks in [false, true] {
                #expect(
                    try message(folder, tensor, extents, format, keepingBlocks: keepingBlocks)
                        == "", "\(format?.name ?? "F32")")
            }
        }
    }

    // Blocks of 256 columns do not fit rows of 32.
    @Test(arguments: [QuantizedFormat.q2K, .q3K, .q4K, .q5K, .q6K])
    func rowsThatAreNoWholeBlocksAreNamed(format: QuantizedFormat) throws {
        let message = try message(
            "llama", "blk.0.ffn_up.weight", [64, 32], format, keepingBlocks: true)
        #expect(
            message.contains("blk.0.ffn_up.weight has shape [64, 32] of \(format.name), expected ")
                && message.contains("multiple of 256"), "\(message)")
    }

    @Test(arguments: ["ffn_gate.1.weight", "ffn_down.0.weight", "ffn_up.2.weight"])
    func anExpertOfItsOwnOfAnotherShapeIsNamed(name: String) throws {
        for format in Self.formats {
            var file = try TinyGGUF("mixtral")
            for layer in 0..<2 {
                for part in ["gate", "up", "down"] {
                    let whole = "blk.\(layer).ffn_\(part)_exps.weight"
                    let (extents, numbers) = try #require(file.tensors[whole])
                    file.tensors[whole] = nil
                    let size = numbers.count / extents[0]
                    for expert in 0..<extents[0] {
                        let own = "blk.\(layer).ffn_\(part).\(expert).weight"
                        file.tensors[own] = (
                            Array(extents.dropFirst()),
                            Array(numbers[expert * size..<(expert + 1) * size])
                        )
                        file.formats[own] = format
                    }
                }
            }
            #expect(try file.message(keepingBlocks: true) == "")
            let wrong = "blk.1." + name
            file.tensors[wrong] = ([2, 32, 32], Array(repeating: 1, count: 2048))
            #expect(
                try file.message(keepingBlocks: true)
                    == "\(wrong) in x.gguf has shape [2, 32, 32], expected [32, 32]")
        }
    }
}
