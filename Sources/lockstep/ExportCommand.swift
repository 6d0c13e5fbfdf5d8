import ArgumentParser
import Foundation
import Kernels
import ModelFiles
import Training

/// `lockstep export FILE.yaml [key=value …]`
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a Hugging Face folder from a checkpoint or another folder.",
        discussion: "Reads model_name_or_path, export_dir, export_size and infer_dtype.")

    @Argument(help: "The YAML file.")
    var file: String

    @Argument(help: "Settings that win over the file's, as key=value.")
    var overrides: [String] = []

    func run() throws {
        do throws(TrainingError) {
            let configuration = try ConfigurationFile.read(
                file, overrides: overrides, command: .export)
            let folder = try ofModelFiles { () throws(ModelFileError) in
                try ModelFolderExport(configuration).run()
            }
            print(folder)
        } catch {
            Failure.end(error)
        }
    }
}
