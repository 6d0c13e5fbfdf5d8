import ArgumentParser
import Configuration
import Distributed
import Foundation
import Planning
import Training

/// `lockstep plan FILE.yaml [key=value …]`
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Predicts step time, tokens/s and memory on a cluster that is not here.",
        discussion: """
            Measures some steps of one rank here, on random tokens, and predicts runs on 1 to 4,096 \
            nodes. Under mpirun it measures all ranks at once, and the links between them. Constants \
            measured on a node of the cluster, with --save-constants, serve plans made elsewhere, \
            with --constants.
            """)

    @Argument(help: "The YAML file.")
    var file: String

    @Argument(help: "Settings that win over the file's, as key=value.")
    var overrides: [String] = []

    @Option(help: "Further numbers of nodes, 1 to 4096, as in 3,48.")
    var nodes: String?

    @Option(help: "Ranks on each node; those that share this host unless given.")
    var ranksPerNode: Int?

    @Option(help: "Processors of each node; those of this machine unless given.")
    var cores: Int?

    @Option(help: "Line rates in Gb/s, as in 10,25; 1, 10, 25, 100 and 200 unless given.")
    var bandwidth: String?

    @Option(help: "Time of a short message between nodes in µs.")
    var latency = 30.0

    @Option(help: "Read measured constants from this file instead of measuring here.")
    var constants: String?

    @Option(help: "Write the measured constants to this file.")
    var saveConstants: String?

    @Option(help: "Steps to measure, after one that is not counted; a minute's worth at most.")
    var steps = 5

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let communicator = Ranks.meet()
        do throws(TrainingError) {
            let request = try request()
            let given = try ConfigurationFile.read(file, overrides: overrides, command: .plan)
            do throws(ConfigurationError) {
                try given.validateFiles()
            } catch {
                throw .configuration(error)
            }
            let configuration = try given.fittedToModel(says: communicator.rank == 0)
            let read = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
                try readConstants(configuration)
            }
            let settings = try PlanSettings(
                configuration, ranksPerNode: ranksPerNode ?? communicator.localSize,
                coresPerNode: cores ?? read?.processors
                    ?? ProcessInfo.processInfo.processorCount)
            var constants = read
            if constants == nil { constants = try measure(configuration, communicator) }
            if communicator.rank == 0, let constants { show(settings, constants, request) }
        } catch {
            Failure.end(communicator, error)
        }
        Success.end(communicator)
    }

    // MARK: what was asked

    private struct Request {
        var nodes: [Int] = []
        var gigabits: [Double] = []
    }

    private func request() throws(TrainingError) -> Request {
        var request = Request()
        for text in nodes?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
            guard let count = Int(text), 1...4096 ~= count else {
                throw .user("--nodes: found '\(text)', expected numbers from 1 to 4096, as in 3,48")
            }
            request.nodes.append(count)
        }
        for text in bandwidth?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
            guard let rate = Double(text), rate.isFinite, rate > 0 else {
                throw .user("--bandwidth: found '\(text)', expected Gb/s above 0, as in 10,25")
            }
            if !request.gigabits.contains(rate) { request.gigabits.append(rate) }
        }
        guard latency.isFinite, latency > 0 else {
            throw .user("--latency: found \(latency), expected µs above 0")
        }
        let counts = [
            ("--ranks-per-node", ranksPerNode), ("--cores", cores), ("--steps", steps),
        ]
        for (name, count) in counts {
            if let count, !(1...65536 ~= count) {
                throw .user("\(name): found \(count), expected a number from 1 to 65536")
            }
        }
        if constants != nil, saveConstants != nil {
            throw .user("--save-constants: nothing is measured with --constants; leave one out")
        }
        return request
    }

    private func readConstants(
        _ configuration: RunConfiguration
    ) throws(TrainingError) -> PlanConstants? {
        guard let path = constants else { return nil }
        let read = try PlanConstants(contentsOf: path)
        try read.check(fit: try PlanMeasurement.work(of: configuration), in: path)
        return read
    }

    private func measure(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) throws(TrainingError) -> PlanConstants {
        let measured = try PlanMeasurement.run(configuration, steps: steps, on: communicator)
        if let path = saveConstants {
            try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
                if communicator.rank == 0 { try measured.write(to: path) }
            }
        }
        return measured
    }

    // MARK: the answer

    private func show(_ settings: PlanSettings, _ constants: PlanConstants, _ request: Request) {
        let isNamed = !request.gigabits.isEmpty
        let networks = ClusterPlan.networks(
            gigabits: isNamed ? request.gigabits : ClusterPlan.standardGigabits,
            latency: latency * 1e-6, constants)
        // Parts of the step: of what was named or measured, else of 10 Gb/s.
        let detailed = networks.filter { $0.isMeasured || isNamed || $0.gigabits == 10 }
        let focus = detailed.first(where: \.isMeasured) ?? detailed.first
        guard let focus else { return }
        let plan = ClusterPlan(
            constants, settings: settings, nodes: ClusterPlan.nodeCounts(request.nodes),
            networks: networks, focus: request.nodes.max() ?? 64, on: focus)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            if let data = try? encoder.encode(plan) {
                print(String(decoding: data, as: UTF8.self))
            }
            return
        }
        let text = PlanText(
            plan: plan, detailed: isNamed ? detailed : [focus], latency: latency * 1e-6,
            rankRate: ClusterPlan.rankRate(constants))
        print(text.lines.joined(separator: "\n"))
    }
}
