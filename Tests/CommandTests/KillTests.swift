import Foundation
import Testing

@Suite struct KillTests {
    /// A run of two ranks that saves every step.
    private static let overrides = ["save_steps=1", "save_total_limit=3", "max_steps=90"]

    /// When a rank dies.
    private enum Moment: CaseIterable {
        /// Some time after the process has made a step.
        case anyTime
        /// While a checkpoint's temporary file is there.
        case whileSaving
        /// At the beginning of a step, by fault_injection.
        case atStep
    }

    /// Kills one rank of a run that goes on in `out`; returns whether it struck.
    private func strike(
        _ folder: TrialFolder, _ moment: Moment, using random: inout SeededGenerator
    ) throws -> Bool {
        let victim = Int.random(in: 0..<2, using: &random)
        let delay = UInt32.random(in: 0..<60_000, using: &random)
        let ahead = Int.random(in: 1..<5, using: &random)
        let done = folder.exists("out/trainer_log.jsonl") ? try folder.log().last?.step ?? 0 : 0
        let fault = moment == .atStep ? ["fault_injection=kill:\(victim)@\(done + ahead)"] : []
        let process = try folder.start(
            TrialFolder.trainArguments(ranks: 2, output: "out", Self.overrides + fault), ranks: 2)
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
            if process.isRunning, ranks.count == 2 { kill(ranks[index], SIGKILL) }
        }
        let run = try process.finish()
        for rank in ranks { #expect(LockstepProcess.ends(rank), "rank \(rank) is still there") }
        if run.status == 0 { return false }
        // mpirun hands on the status of the rank that died, or of one that lost it.
        #expect([1, 128 + SIGKILL].contains(run.status), "\(run.errors)")
        return true
    }

    @Test func aRankKilledTwentyTimesLeavesARunThatEndsAsIfNothingHadHappened() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(ranks: 2, output: "whole", Self.overrides)
        var random = SeededGenerator(seed: 5)
        var strikes = 0
        while strikes < 20 {
            let moment = Moment.allCases[strikes % Moment.allCases.count]
            if try strike(folder, moment, using: &random) {
                strikes += 1
            } else {
                // The run came to its end before it was struck: begin another.
                try expectSameRun(folder, "out", "whole", step: 90)
                try folder.remove("out")
            }
        }
        try folder.trainToEnd(ranks: 2, Self.overrides)
        try expectSameRun(folder, "out", "whole", step: 90)
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
