import Foundation
import Testing

@Suite struct KillTests {
    /// A run of two ranks that saves every step.
    struct Run: CustomTestStringConvertible, Sendable {
        let name: String
        let folder: @Sendable () throws -> TrialFolder
        let settings: [String]
        let steps: Int
        /// How often it is struck; `scripts/check_faults.sh kills` strikes each kind twenty times.
        let strikes: Int
        var testDescription: String { name }

        static let all = [
            Run(
                name: "pretraining", folder: { try TrialFolder() },
                settings: ["per_device_train_batch_size=6"], steps: 90, strikes: 20),
            Run(
                name: "dpo", folder: { try TrialFolder.preferences() },
                settings: ["per_device_train_batch_size=1", "pref_bco_weight=0.5"], steps: 60,
                strikes: 4),
            // A checkpoint may be within a rollout.
            Run(
                name: "grpo", folder: { try TrialFolder.rewarded() },
                settings: ["grpo_beta=0.1", "grpo_iterations=2"], steps: 60, strikes: 4),
        ]

        func arguments(_ output: String) -> [String] {
            ["train", "run.yaml", "output_dir=\(output)"] + settings
                + ["save_steps=1", "save_total_limit=3", "max_steps=\(steps)"]
        }
    }

    /// When a rank dies.
    private enum Moment: CaseIterable {
        /// Some time after the process has made a step.
        case anyTime
        /// While a checkpoint's temporary file is there.
        case whileSaving
        /// At the beginning of a step, by fault_injection.
        case atStep
        /// Some time after a step, with all others.
        case togetherWithOthers
    }

    /// Kills one rank of a run that goes on in `out`, or all; returns whether it struck.
    private func strike(
        _ run: Run, _ folder: TrialFolder, _ moment: Moment, using random: inout SeededGenerator
    ) throws -> Bool {
        let victim = Int.random(in: 0..<2, using: &random)
        let delay = UInt32.random(in: 0..<60_000, using: &random)
        let ahead = Int.random(in: 1..<5, using: &random)
        let done = folder.exists("out/trainer_log.jsonl") ? try folder.log().last?.step ?? 0 : 0
        let fault = moment == .atStep ? ["fault_injection=kill:\(victim)@\(done + ahead)"] : []
        let process = try folder.start(run.arguments("out") + fault, ranks: 2)
        var ranks: [pid_t] = []
        if moment != .atStep {
            _ = process.wait { ((try? folder.log().last?.step) ?? 0) > done }
            ranks = process.ranks
            if moment == .whileSaving {
                _ = process.wait { folder.names("out").contains { $0.hasPrefix(".checkpoint-") } }
            } else {
                usleep(delay)
            }
            // Checkpoints are written by rank 0, whose process mpirun starts first.
            let index = moment == .whileSaving ? 0 : victim
            if process.isRunning, ranks.count == 2 {
                let victims = moment == .togetherWithOthers ? ranks : [ranks[index]]
                for rank in victims { kill(rank, SIGKILL) }
            }
        }
        let found = try process.finish()
        for rank in ranks { #expect(LockstepProcess.ends(rank), "rank \(rank) is still there") }
        if found.status == 0 { return false }
        // mpirun hands on the status of the rank that died, or of one that lost it.
        #expect([1, 128 + SIGKILL].contains(found.status), "\(found.errors)")
        return true
    }

    /// Requires that what a killed run has saved can be read.
    private func expectWholeCheckpoints(_ folder: TrialFolder) {
        for name in folder.names("out") where name.hasPrefix("checkpoint-") {
            guard let step = Int(name.dropFirst(11).prefix { $0.isNumber }) else { continue }
            #expect(throws: Never.self, "\(name)") { _ = try folder.state("out", step: step) }
        }
    }

    private func finish(_ run: Run, _ folder: TrialFolder, _ output: String) throws {
        let found = try folder.run(run.arguments(output), ranks: 2)
        try #require(found.status == 0, "\(found.errors)")
    }

    @Test(arguments: Run.all)
    func aRunThatIsKilledAgainAndAgainEndsAsIfNothingHadHappened(_ run: Run) throws {
        let folder = try run.folder()
        try finish(run, folder, "whole")
        var random = SeededGenerator(seed: 5)
        var strikes = 0
        while strikes < run.strikes {
            let moment = Moment.allCases[strikes % Moment.allCases.count]
            if try strike(run, folder, moment, using: &random) {
                expectWholeCheckpoints(folder)
                strikes += 1
            } else {
                // The run came to its end before it was struck: begin another.
                try expectSameRun(folder, "out", "whole", step: run.steps)
                try folder.remove("out")
            }
        }
        try finish(run, folder, "out")
        try expectSameRun(folder, "out", "whole", step: run.steps)
        #expect(folder.names("out") == folder.names("whole"), "killed runs left files")
    }

    @Test(arguments: ["kill:1@4", "kill:0@4", "exit:1@4"])
    func theLossOfARankEndsTheRunAndNamesIt(_ fault: String) throws {
        let folder = try TrialFolder()
        let run = try folder.train(ranks: 3, ["fault_injection=\(fault)", "save_steps=1"])
        let rank = fault.split(separator: ":")[1].prefix(1)
        // A signal's status comes from mpirun itself; what the other ranks end with is 1.
        #expect(run.status == (fault.hasPrefix("kill") ? 128 + SIGKILL : 1))
        #expect(run.messages.contains { $0.contains("lost rank \(rank) on host ") })
        #expect(
            run.messages.allSatisfy { $0.hasSuffix("run again to resume from the last checkpoint") }
        )
    }
}
