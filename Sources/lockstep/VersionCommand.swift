import ArgumentParser
import Training

/// `lockstep version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Prints the version.")

    func run() throws { print("lockstep \(ProgramVersion.text)") }
}
