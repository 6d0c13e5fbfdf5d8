import Foundation
import Testing

/// A model's folder may be called like a file of another kind.
@Suite struct FolderNameTests {
    @Test(arguments: ["x.json", "x.gguf", "x.h5"])
    func aFolderIsAFolderWhateverItsName(_ name: String) throws {
        let folder = try TrialFolder.finetuning()
        let files = FileManager.default
        try files.copyItem(atPath: folder.full("model"), toPath: folder.full(name))
        let commands: [[String]] = [
            ["tokenizer", "encode", "--tokenizer"],
            ["generate", "--prompt", "a b", "--max-new-tokens", "3", "--temperature=0", "--model"],
            ["export", "export.yaml", "export_dir=made"],
        ]
        try folder.write("export.yaml", "model_name_or_path: model\n")
        for command in commands {
            let isExport = command[0] == "export"
            let runs = try ["model", name].map { path in
                try folder.run(
                    command + [isExport ? "model_name_or_path=\(path)" : path], input: "a b\n")
            }
            #expect(runs[1].status == 0, "\(command): \(runs[1].errors)")
            #expect(runs[0].output == runs[1].output)
            if isExport { #expect(folder.names("made").contains("tokenizer.json")) }
        }
    }
}
