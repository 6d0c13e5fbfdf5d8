import Distributed
import Foundation
import Testing

/// Every way in which a run can lose a rank ends it, with one line that names the rank.
@Suite(.serialized) struct FailureTests {
    @Test func anErrorOfOneRankIsThrownByAllAndPrintedOnce() throws {
        let run = try MPIRun(ranks: 3, "agree")
        #expect(run.status == 2)
        #expect(run.messages.count == 1, "\(run.errors)")
        #expect(run.messages.first?.contains("shard 3 is not there (found by rank 2 on") == true)
        #expect(run.finishedRanks.isEmpty)
    }

    @Test func noErrorIsAgreedOn() throws {
        let run = try MPIRun(ranks: 3, "agree-none")
        #expect(run.status == 0)
        #expect(run.finishedRanks == [0, 1, 2])
    }

    @Test func aRankWithAnotherConfigurationIsNamed() throws {
        let run = try MPIRun(ranks: 3, "startup-configuration")
        #expect(run.status == 2)
        #expect(run.messages.count == 1, "\(run.errors)")
        let message = run.messages.first ?? ""
        #expect(message.contains("ranks differ in the configuration"), "\(message)")
        #expect(message.contains("rank 1 on host"), "\(message)")
    }

    @Test func ranksThatHaveEverythingInCommonStart() throws {
        let run = try MPIRun(ranks: 2, "startup-same")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.finishedRanks == [0, 1])
    }

    @Test func aStopOnRequestReturnsStatus75Silently() throws {
        let run = try MPIRun(ranks: 2, "stopped")
        #expect(run.status == 75)
        #expect(run.messages.isEmpty, "\(run.errors)")
    }

    @Test func aRankThatFailsAloneTakesTheOthersAlong() throws {
        let run = try MPIRun(ranks: 3, "alone")
        #expect(run.status == 1)
        #expect(run.messages.count == 1, "\(run.errors)")
        #expect(run.messages.first?.contains("rank 2 on") == true)
        #expect(run.messages.first?.contains("step 7: the disk is full; free some space") == true)
        #expect(run.seconds < 30)
    }

    @Test func aRunThatEndsWellIsSilent() throws {
        let run = try MPIRun(ranks: 3, "train")
        #expect(run.status == 0)
        #expect(run.messages.isEmpty, "\(run.errors)")
        #expect(run.finishedRanks == [0, 1, 2])
    }

    @Test(arguments: ["kill", "exit"])
    func aRankThatVanishesIsNamedAndEndsTheRun(scenario: String) throws {
        let run = try MPIRun(ranks: 3, scenario, grace: 8)
        #expect(run.status != 0)
        #expect(run.messages.count == 1, "\(run.errors)")
        #expect(
            run.messages.first?.contains("step 3: lost rank 1 on host") == true, "\(run.errors)")
        #expect(run.finishedRanks.isEmpty)
        #expect(run.seconds < 30)
    }

    /// The heartbeat of every rank has been heard before the first step begins.
    @Test func aRankThatVanishesAtOnceIsNamed() throws {
        let run = try MPIRun(ranks: 3, "exit-at-once", grace: 8)
        #expect(run.status != 0)
        #expect(run.messages.count == 1, "\(run.errors)")
        #expect(run.messages.first?.contains("lost rank 1 on host") == true, "\(run.errors)")
    }

    @Test(arguments: [("hang", 1), ("freeze-1", 1), ("freeze-0", 0)])
    func aRankThatStandsStillIsNamedAndEndsTheRun(scenario: String, rank: Int) throws {
        let run = try MPIRun(ranks: 3, scenario)
        #expect(run.status == 1)
        #expect(
            run.messages.contains {
                $0.hasPrefix("lockstep: step 3: waiting for rank \(rank) on host")
            }, "\(run.errors)")
        // The line that ends the run comes from a rank that is still there, once.
        let last = run.messages.filter { $0.contains("ddp_timeout") }
        #expect(last.count == 1, "\(run.errors)")
        #expect(last.first?.hasPrefix("lockstep: rank \(1 - rank) on ") == true, "\(run.errors)")
        #expect(run.finishedRanks.isEmpty)
        #expect(run.seconds < 30)
    }
}

struct FatalExitTests {
    @Test func theLineSaysWhoWhereWhenWhyAndWhatToDo() {
        let line = FatalExit.line(
            rank: 5, size: 8, host: "node7", step: 812, cause: "the disk is full",
            advice: "free some space")
        #expect(line == "lockstep: rank 5 on node7: step 812: the disk is full; free some space")
    }

    @Test func aRunOfOneProcessNamesNoRankAndNothingBreaksTheLine() {
        let line = FatalExit.line(
            rank: 0, size: 1, host: "here", step: nil, cause: "first\nsecond", advice: "")
        #expect(line == "lockstep: first second")
    }

    @Test func theUsersMistakesEndWithStatus2AndOtherErrorsWith1() {
        #expect(CommunicationError.treeNeedsPowerOfTwo(ranks: 3).exitStatus == .mistake)
        #expect(
            CommunicationError.mpi(call: "MPI_Bcast", message: "", rank: 0, host: "").exitStatus
                == .failed)
        #expect(ExitStatus.stopped.rawValue == 75)
    }
}
