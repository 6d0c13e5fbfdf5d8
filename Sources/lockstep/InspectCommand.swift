import ArgumentParser
import Checkpoints
import Files
import Foundation

/// `lockstep inspect CHECKPOINT.h5 [--verify]`
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Tells what a checkpoint holds.")

    @Argument(help: "The checkpoint-N.h5.")
    var checkpoint: String

    @Flag(help: "Read every dataset against its checksum.")
    var verify = false

    func run() throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: checkpoint, isDirectory: &isFolder) else {
            Failure.end(
                mistake: "'\(checkpoint)' does not exist; expected a checkpoint-N.h5")
        }
        guard !isFolder.boolValue else {
            Failure.end(mistake: "'\(checkpoint)' is a folder; expected a checkpoint-N.h5 in it")
        }
        let inspection = CheckpointInspection(path: checkpoint)
        if verify {
            let problems = inspection.verify()
            for problem in problems { Failure.say(problem.description) }
            if !problems.isEmpty { Foundation.exit(2) }
        }
        do throws(CheckpointError) {
            for line in try inspection.lines() { print(TerminalText.shown(line)) }
        } catch {
            Failure.end(.checkpoint(error))
        }
        if verify { print("verified: every dataset agrees with its checksum") }
    }
}
