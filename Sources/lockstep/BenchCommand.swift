import ArgumentParser
import Configuration
import Distributed
import Foundation
import Kernels
import Planning
import Training

/// `lockstep bench gemm|allreduce|step|data|report`
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures matrix products, sums over ranks, whole steps, and data.",
        subcommands: [
            Products.self, Sums.self, Step.self, Samples.self, BenchReportCommand.self,
        ])

    /// Ends the command where a number of its options is not from 1 to `most`.
    private static func check(_ option: String, _ value: Int, atMost most: Int) {
        guard !(1...most ~= value) else { return }
        Failure.end(mistake: "\(option): found \(value), expected a number from 1 to \(most)")
    }

    /// Matrix products of a training step's shapes.
    struct Products: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gemm", abstract: "GFLOP/s of matrix products, GB/s of memory.")

        @Argument(help: "A YAML file, of which threads_per_rank counts.")
        var file: String?

        @Argument(help: "Settings that win over the file's, as key=value.")
        var overrides: [String] = []

        @Option(help: "Threads; 1 where neither this nor the file says.")
        var threads: Int?

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let threads = threads ?? configured?.compute.threadsPerRank ?? 1
            BenchCommand.check("--threads", threads, atMost: 4096)
            let workspace = Workspace(threads: threads)
            let products = [ElementType.float32, .bfloat16].map {
                MachineMeasurement.matrixProducts($0, in: workspace)
            }
            let peaks = products.map { $0.operations / 1e9 }
            if products.contains(where: \.wasBusy) {
                Failure.say(
                    "other programs had the processors meanwhile, or repeats took twice as long as the "
                        + "best: these figures are less than the machine reaches, or not for long")
            }
            let packed = workspace.packedProductRate().map { $0 / 1e9 }
            let memory = MachineMeasurement.memoryRate(in: workspace) / 1e9
            if json {
                let loop = packed.map { "\"bf16_in_cache\": \($0), " } ?? ""
                print(
                    "{\"threads\": \(threads), \"fp32\": \(peaks[0]), \"bf16\": \(peaks[1]), "
                        + loop + "\"memory\": \(memory)}")
            } else {
                print(String(format: "fp32    %6.0f GFLOP/s", peaks[0]))
                print(String(format: "bf16    %6.0f GFLOP/s", peaks[1]))
                if let packed {
                    print(
                        String(format: "packed  %6.0f GFLOP/s", packed)
                            + "  the loop alone, of operands that lie ready in the caches")
                }
                print(String(format: "memory  %6.1f GB/s", memory))
            }
        }

        /// The file's settings; a mistake in them ends the command.
        private var configured: RunConfiguration? {
            guard let file else { return nil }
            do {
                return try ConfigurationFile.read(file, overrides: overrides, command: .bench)
            } catch {
                Failure.end(error)
            }
        }
    }

    /// Sums over ranks, and the links between them.
    struct Sums: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "allreduce", abstract: "Sums over ranks and links; under mpirun.")

        @Argument(help: "A YAML file; it is checked, and changes nothing here.")
        var file: String?

        @Argument(help: "Settings that win over the file's, as key=value.")
        var overrides: [String] = []

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let communicator = Ranks.meet()
            do throws(TrainingError) {
                if let file {
                    _ = try ConfigurationFile.read(file, overrides: overrides, command: .bench)
                }
            } catch {
                Failure.end(communicator, error)
            }
            do {
                let report = try LinkProbe.run(on: communicator)
                if communicator.rank == 0 {
                    print(try text(report))
                    if communicator.size == 1 {
                        Failure.say(
                            "one rank sums nothing; run it under mpirun -np 2 or more, or srun")
                    }
                }
            } catch let error as CommunicationError {
                Failure.end(communicator, .communication(error))
            }
            Success.end(communicator)
        }

        private func text(_ report: LinkReport) throws -> String {
            if json { return String(decoding: try JSONEncoder().encode(report), as: UTF8.self) }
            return report.sums.map { point in
                String(
                    format: "%12d bytes  %9.3f ms  %7.2f GB/s", point.bytes, point.seconds * 1e3,
                    report.busBandwidth(of: point) / 1e9)
            }.joined(separator: "\n")
        }
    }

    /// Whole steps of a configuration.
    struct Step: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Steps of a configuration on random tokens; alone or under mpirun.")

        @Argument(help: "The YAML file.")
        var file: String

        @Argument(help: "Settings that win over the file's, as key=value.")
        var overrides: [String] = []

        @Option(help: "Steps, after one that is not counted.")
        var steps = 5

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            BenchCommand.check("--steps", steps, atMost: 1_000_000)
            let communicator = Ranks.meet()
            do throws(TrainingError) {
                let configuration = try ConfigurationFile.agreed(
                    file, overrides: overrides, command: .bench, over: communicator
                ).fittedToModel(says: communicator.rank == 0)
                let result = try StepBenchmark.run(
                    configuration, steps: steps, on: communicator)
                if communicator.rank == 0 { show(result) }
            } catch {
                Failure.end(communicator, error)
            }
            Success.end(communicator)
        }

        private func show(_ result: StepBenchmark) {
            if json, let data = try? JSONEncoder().encode(result) {
                print(String(decoding: data, as: UTF8.self))
                return
            }
            let rows: [(String, String)] = [
                ("ranks × threads", "\(result.ranks) × \(result.threads)"),
                ("tokens/s", String(format: "%.1f over all ranks", result.tokensPerSecond)),
                ("step", String(format: "%.3f s (median)", result.medianStepSeconds)),
                ("  forward", String(format: "%.3f s", result.forwardSeconds)),
                ("  backward", String(format: "%.3f s", result.backwardSeconds)),
                (
                    "  wait",
                    String(
                        format: "%.3f s (a step's mean: %.3f s for slower ranks, %.3f s transfer)",
                        result.waitSeconds, result.peerSeconds, result.transferSeconds)
                ),
                ("  update", String(format: "%.3f s", result.updateSeconds)),
                (
                    "MFU",
                    String(format: "%.1f %% of %.0f GFLOP/s", result.mfu * 100, result.peak / 1e9)
                        + (result.wasBusy
                            ? ", measured while the machine was busy or uneven" : "")
                ),
                ("peak memory", "\(result.peakMemory >> 20) MiB of the rank that holds most"),
                ("memory rate", String(format: "%.1f GB/s", result.memoryRate / 1e9)),
                ("to first step", String(format: "%.1f s", result.secondsToFirstStep)),
                ("late allocations", "\(result.lateAllocations)"),
            ]
            for (name, value) in rows {
                print(name.padding(toLength: 18, withPad: " ", startingAt: 0) + value)
            }
            if let summing = result.summing { print(summing) }
            print("by op, one step of rank 0:")
            for part in result.parts {
                print(
                    "  " + part.name.padding(toLength: 38, withPad: " ", startingAt: 0)
                        + String(format: "%5d × %9.1f ms", part.calls, part.seconds * 1e3)
                        + rate(of: part, result))
            }
        }

        /// What bounds an op: products beside the peak, else bytes beside the memory's rate. Ops
        /// that only pass numbers on have no rate.
        private func rate(of part: StepBenchmark.Part, _ result: StepBenchmark) -> String {
            if part.rate > 0 {
                return String(
                    format: "%8.0f GFLOP/s %5.1f %% of peak", part.rate / 1e9,
                    100 * part.rate / result.peak)
            }
            guard part.bandwidth > 0, part.seconds > result.medianStepSeconds * 1e-3 else {
                return ""
            }
            return String(
                format: "%8.1f GB/s    %5.1f %% of memory's", part.bandwidth / 1e9,
                100 * part.bandwidth / result.memoryRate)
        }
    }

    /// Data of a configuration on their way to batches.
    struct Samples: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "data",
            abstract: "Tokens a second of a configuration's data: rows read and encoded "
                + "(stage: sft) or samples of shards (stage: pt).")

        @Argument(help: "The YAML file.")
        var file: String

        @Argument(help: "Settings that win over the file's, as key=value.")
        var overrides: [String] = []

        @Option(help: "Tokens to read of shards, at least.")
        var tokens = 20_000_000

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            BenchCommand.check("--tokens", tokens, atMost: 1_000_000_000_000)
            do throws(TrainingError) {
                let configuration = try ConfigurationFile.read(
                    file, overrides: overrides, command: .bench
                ).fittedToModel(says: true)
                show(
                    try DataBenchmark.run(
                        configuration, tokens: tokens,
                        threads: ProcessInfo.processInfo.activeProcessorCount))
            } catch {
                Failure.end(error)
            }
        }

        private func show(_ result: DataBenchmark) {
            if json, let data = try? JSONEncoder().encode(result) {
                print(String(decoding: data, as: UTF8.self))
                return
            }
            let isText = result.stage == MethodSection.Stage.supervised.rawValue
            let rows: [(String, String)] = [
                (isText ? "rows" : "samples", "\(result.samples)"),
                ("tokens", "\(result.tokens)"),
                ("seconds", String(format: "%.3f", result.seconds)),
                ("tokens/s", String(format: "%.0f", result.tokensPerSecond)),
                ("threads", "\(result.threads)"),
            ]
            for (name, value) in rows {
                print(name.padding(toLength: 18, withPad: " ", startingAt: 0) + value)
            }
        }
    }
}
