import ArgumentParser
import Planning
import Training

/// `lockstep bench report FOLDER`
struct BenchReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "The table of what scripts/benchmark.sh measured.",
        discussion: "Reads FOLDER/runs/*.jsonl; writes FOLDER/benchmark.md and benchmark.json.")

    @Argument(help: "The folder that scripts/benchmark.sh wrote.")
    var folder: String

    func run() throws {
        do throws(TrainingError) {
            print(try BenchmarkReport.write(folder: folder), terminator: "")
        } catch {
            Failure.end(error)
        }
    }
}
