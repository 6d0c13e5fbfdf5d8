import Autograd
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing
import WeightFiles

/// Models whose tensors are divided among several files.
@Suite struct GGUFPartsTests {
    private static let names = (1...3).map { "model-0000\($0)-of-00003.gguf" }

    /// Writes three parts, changed by `change`, which gets the number of each.
    private func write(
        _ folder: String, _ change: (Int, inout TinyGGUF) -> Void = { _, _ in }
    ) throws {
        let whole = try TinyGGUF("qwen2")
        let tensors = whole.tensors.keys.sorted()
        for number in 0..<3 {
            var part = whole
            if number > 0 { part.metadata = [:] }
            part.metadata["split.no"] = .uint16(UInt16(number))
            part.metadata["split.count"] = .uint16(3)
            part.metadata["split.tensors.count"] = .int32(Int32(tensors.count))
            let mine = tensors.enumerated().filter { $0.offset % 3 == number }.map(\.element)
            part.tensors = part.tensors.filter { mine.contains($0.key) }
            change(number, &part)
            try part.write(to: folder + "/" + Self.names[number])
        }
    }

    private func message(
        _ change: (Int, inout TinyGGUF) -> Void = { _, _ in },
        after: (String) throws -> Void = { _ in }
    ) throws -> String {
        try TinyGGUF.withFolder { folder in
            try write(folder, change)
            try after(folder)
            let error = #expect(throws: ModelFileError.self) {
                try ModelSource(path: folder + "/" + Self.names[0]).model()
            }
            return error?.description.replacing(folder + "/", with: "") ?? ""
        }
    }

    // The configuration and every tensor are those of the file in one piece.
    @Test(arguments: [0, 1, 2])
    func allPartsAreRead(part: Int) throws {
        try TinyGGUF.withFolder { folder in
            try write(folder)
            let source = try ModelSource(path: folder + "/" + Self.names[part])
            let whole = try ModelSource(path: GGUFModelTests.path("qwen2"))
            #expect(try source.configuration() == whole.configuration())
            let (model, other) = try (source.model(), whole.model())
            let (here, there) = (Workspace(threads: 1), Workspace(threads: 1))
            for (source, model, workspace) in [(source, model, here), (whole, other, there)] {
                _ = ParameterStore(
                    model.parameters, computeType: .float32, training: false, in: workspace)
                try source.fill(model, model.parameters, in: workspace)
            }
            for (mine, theirs) in zip(model.parameters, other.parameters) {
                #expect(here.numbers(mine) == there.numbers(theirs), "\(mine.name)")
            }
        }
    }

    @Test func aFolderOfPartsIsOneModel() throws {
        try TinyGGUF.withFolder { folder in
            try write(folder)
            #expect(try ModelSource(path: folder).model().description.layers == 2)
        }
    }

    @Test func aMissingPartIsNamed() throws {
        let message = try message(after: { folder in
            try FileManager.default.removeItem(atPath: folder + "/" + Self.names[1])
        })
        #expect(
            message.contains("part 2 of 3 is not there, expected \(Self.names[1])"), "\(message)")
    }

    @Test func partsThatChangedPlacesAreFound() throws {
        let message = try message({ number, part in
            if number == 2 { part.metadata["split.no"] = .uint16(1) }
        })
        #expect(message == "\(Self.names[2]): split.no is 1, expected 2, as the file's name says")
    }

    @Test func aMissingTensorIsFoundByTheCount() throws {
        let message = try message({ number, part in
            if number == 1 { part.tensors["blk.0.attn_k.weight"] = nil }
            if number == 1, let name = part.tensors.keys.min() { part.tensors[name] = nil }
        })
        #expect(message.contains("(split.tensors.count)"), "\(message)")
    }

    @Test func aTensorInTwoPartsIsRefused() throws {
        let message = try message({ number, part in
            part.metadata["split.tensors.count"] = nil
            part.tensors["output_norm.weight"] = ([32], [Float](repeating: 1, count: 32))
        })
        #expect(message.contains("output_norm.weight is in \(Self.names[0]) and in"), "\(message)")
    }

    @Test func aPartOfAnotherModelIsFound() throws {
        let message = try message({ number, part in
            if number == 1 { part.metadata["qwen2.block_count"] = .uint32(3) }
        })
        #expect(message.contains("qwen2.block_count is not what the first part"), "\(message)")
    }

    @Test func aPartUnderAnotherNameIsRefused() throws {
        try TinyGGUF.withFolder { folder in
            try write(folder)
            try FileManager.default.moveItem(
                atPath: folder + "/" + Self.names[0], toPath: folder + "/first.gguf")
            let error = #expect(throws: ModelFileError.self) {
                try ModelSource(path: folder + "/first.gguf")
            }
            let text = error?.description ?? ""
            #expect(text.contains("does not end in -00001-of-00003.gguf"), "\(text)")
        }
    }
}
