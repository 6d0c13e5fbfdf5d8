import ArgumentParser
import Files
import Foundation
import Training

/// The `lockstep` command.
@main
struct Lockstep: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lockstep",
        abstract: "Trains language models data-parallel over MPI.",
        discussion: """
            Settings stand in a YAML file; key=value or --key value arguments win over it. Start \
            training on several processes or hosts with mpirun:
              mpirun -np 2 lockstep train examples/pretrain/gcide-10m.yaml
            """,
        version: "lockstep \(ProgramVersion.text)",
        subcommands: [
            TrainCommand.self, LaunchCommand.self, PrepareCommand.self, TokenizerCommand.self,
            ScoreCommand.self, EmbedCommand.self, EvalCommand.self, APICommand.self,
            WebchatCommand.self,
            GenerateCommand.self, ChatCommand.self, ExportCommand.self, InspectCommand.self,
            DoctorCommand.self, WebuiCommand.self,
            BenchCommand.self, PlanCommand.self, VersionCommand.self,
        ])

    /// Parses and runs; a mistake in the arguments ends with status 2, as every user's mistake, and an
    /// answer that did not arrive whole with 1.
    static func main() {
        // A limit of the sizes of files is a line and status 1, as a full disk is, not a signal.
        signal(SIGXFSZ, SIG_IGN)
        do {
            var command = try parseAsRoot(
                SettingArguments.translated(Array(CommandLine.arguments.dropFirst())))
            try command.run()
            if let failure = StandardOutput.failure() { Failure.end(output: failure) }
        } catch {
            let code = exitCode(for: error)
            if code == .success || error is ExitCode { exit(withError: error) }
            FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
            Foundation.exit(2)
        }
    }
}
