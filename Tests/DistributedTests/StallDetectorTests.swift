import Distributed
import Foundation
import Testing

/// Time is an argument: these tests take none.
struct StallDetectorTests {
    private let hosts = ["a", "a", "b", "b"]

    private func detector() -> StallDetector {
        StallDetector(hosts: hosts, settings: HeartbeatSettings(), now: 0)
    }

    private func message(
        _ rank: Int, _ phase: Phase = .reduce, waiting: Bool = true, collectives: Int = 9,
        step: Int = 812, progress: Int = 1, since: Double = 0
    ) -> HeartbeatMessage {
        HeartbeatMessage(
            rank: rank, step: step, phase: phase, secondsInPhase: since, progress: progress,
            collectives: collectives, isWaiting: waiting)
    }

    @Test func aRankThatKeepsOthersWaitingIsNamedWithItsPhase() {
        var detector = detector()
        for second in 0...41 {
            for rank in [0, 1, 3] { detector.record(message(rank), at: Double(second)) }
            detector.record(
                message(2, .dataLoad, waiting: false, since: Double(second)), at: Double(second))
            if second < 30 { #expect(detector.check(at: Double(second)) == nil) }
        }
        #expect(
            detector.check(at: 41)
                == .warning(
                    "step 812: waiting for rank 2 on host b, last seen in data-load 41 s ago"))
        #expect(detector.check(at: 42) == nil, "said once")
        guard case .warning = detector.check(at: 82) else {
            Issue.record("said again after twice the time")
            return
        }
    }

    @Test func aSilentRankIsNamedEvenIfNobodyKnowsItsPhase() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank), at: 0) }
        for second in 1...40 {
            for rank in 0..<3 { detector.record(message(rank), at: Double(second)) }
        }
        guard case .warning(let text) = detector.check(at: 40) else {
            Issue.record("no warning")
            return
        }
        #expect(text.contains("waiting for rank 3 on host b, last seen in reduce 40 s ago"))
        #expect(text.contains("no sign of life"))
    }

    @Test func ranksInAnEarlierCollectiveAreTheLateOnes() {
        var detector = detector()
        for rank in 0..<4 {
            detector.record(message(rank, collectives: rank == 1 ? 8 : 9), at: 0)
        }
        for rank in 0..<4 {
            detector.record(message(rank, collectives: rank == 1 ? 8 : 9), at: 31)
        }
        guard case .warning(let text) = detector.check(at: 31) else {
            Issue.record("no warning")
            return
        }
        #expect(text.contains("waiting for rank 1 on host a"))
    }

    @Test func aNetworkThatMovesNothingIsNoRanksFault() {
        var detector = detector()
        for time in [0.0, 31] {
            for rank in 0..<4 { detector.record(message(rank), at: time) }
        }
        guard case .warning(let text) = detector.check(at: 31) else {
            Issue.record("no warning")
            return
        }
        #expect(text.contains("all ranks have waited in the same collective for 31 s"))
    }

    @Test func aLongComputationInWhichNobodyWaitsIsNoStall() {
        var detector = detector()
        for time in [0.0, 5000] {
            for rank in 0..<4 { detector.record(message(rank, .forward, waiting: false), at: time) }
        }
        #expect(detector.check(at: 5000) == nil)
    }

    @Test func progressOfAnyRankResetsTheClock() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank, waiting: rank != 2), at: 0) }
        detector.record(message(2, .saving, waiting: false, progress: 2), at: 29)
        for rank in [0, 1, 3] { detector.record(message(rank), at: 29) }
        #expect(detector.check(at: 58) == nil)
    }

    @Test func slowStepsGetMorePatience() {
        var detector = detector()
        for step in 1...5 {
            detector.record(message(0, step: step, progress: step), at: Double(step) * 20)
        }
        #expect(detector.patience == 100)
    }

    @Test func theRunEndsAfterTheTimeout() {
        var detector = detector()
        for time in [0.0, 1799] {
            for rank in 0..<4 { detector.record(message(rank, waiting: rank != 2), at: time) }
        }
        guard case .warning = detector.check(at: 1799) else {
            Issue.record("no warning")
            return
        }
        guard case .end(let text) = detector.check(at: 1800) else {
            Issue.record("no end")
            return
        }
        #expect(text?.contains("waiting for rank 2 on host b") == true)
        #expect(text?.contains("ddp_timeout") == true)
    }

    @Test func aRankFromWhichNothingEverCameIsNamed() {
        var detector = detector()
        for time in [0.0, 31] {
            for rank in 0..<3 { detector.record(message(rank), at: time) }
        }
        guard case .warning(let text) = detector.check(at: 31) else {
            Issue.record("no warning")
            return
        }
        #expect(text.contains("waiting for rank 3 on host b, from which no heartbeat ever came"))
    }

    @Test func aLostRankIsToldOnceAndEndsTheRunAfterAWhile() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank, .backward), at: 10) }
        detector.recordLoss(of: 3, at: 10)
        #expect(detector.check(at: 10.1) == nil, "the launcher may be ending the whole run")
        guard case .warning(let text) = detector.check(at: 10.3) else {
            Issue.record("no warning")
            return
        }
        #expect(text.contains("step 812: lost rank 3 on host b, last seen in backward"))
        #expect(detector.check(at: 11) == nil)
        #expect(detector.check(at: 16) == .end(nil))
    }

    @Test func aServerThatLostARankHasNoStepAndNoCheckpoint() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank, .serving, waiting: false), at: 10) }
        detector.recordLoss(of: 3, at: 10)
        guard case .warning(let text) = detector.check(at: 17) else {
            Issue.record("no warning")
            return
        }
        #expect(text.hasPrefix("while serving: lost rank 3 on host b, last seen in serving"))
        #expect(text.hasSuffix("start it again"))
    }

    @Test func aLossIsToldHoweverLateARankGetsToJudge() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank, .backward), at: 10) }
        detector.recordLoss(of: 3, at: 10)
        guard case .warning(let text) = detector.check(at: 17) else {
            Issue.record("no warning")
            return
        }
        #expect(text.contains("lost rank 3 on host b"))
        #expect(detector.check(at: 17.2) == .end(nil))
    }

    @Test func ranksThatFinishedAreNotMissed() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank, .finished, waiting: false), at: 0) }
        detector.recordLoss(of: 1, at: 0)
        #expect(!detector.hasLosses)
        #expect(detector.check(at: 1000) == nil)
    }

    @Test func aRankThatFailedHasAlreadySaidWhy() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank), at: 0) }
        detector.record(message(2, .failed, waiting: false, progress: 2), at: 1)
        #expect(detector.check(at: 3) == nil)
        #expect(detector.check(at: 7) == .end(nil))
    }

    @Test(arguments: [45.0, 10])
    func aStallEndsTheRunAtTheTimeOfTheKey(_ timeout: Double) {
        var detector = StallDetector(
            hosts: hosts, settings: HeartbeatSettings(timeoutSeconds: timeout), now: 0)
        var firstTold: Int?
        for second in 0...Int(timeout) {
            // Rank 3 is stopped after its first sign of life.
            for rank in 0..<(second == 0 ? 4 : 3) {
                detector.record(message(rank), at: Double(second))
            }
            switch detector.check(at: Double(second)) {
            case .warning(let text):
                if firstTold == nil { firstTold = second }
                #expect(text.contains("waiting for rank 3 on host b"))
            case .end(let text):
                #expect(second == Int(timeout))
                #expect(text?.contains("waiting for rank 3 on host b") == true)
                #expect(text?.contains("no sign of life") == true)
                #expect(firstTold == (timeout > 30 ? 30 : nil))
                return
            case nil: break
            }
        }
        Issue.record("the run did not end")
    }

    @Test func waitingIsCountedFromWhenTheLastRankCameToWait() {
        var detector = StallDetector(
            hosts: hosts, settings: HeartbeatSettings(timeoutSeconds: 40), now: 0)
        for rank in 0..<4 { detector.record(message(rank, .forward, waiting: false), at: 0) }
        for rank in 0..<3 { detector.record(message(rank, .forward), at: 35) }
        #expect(detector.check(at: 45) == nil, "PyTorch would wait 40 s from then on, too")
        for rank in 0..<3 { detector.record(message(rank, .forward), at: 74) }
        guard case .end = detector.check(at: 75) else {
            Issue.record("no end")
            return
        }
    }

    @Test func readingDataBeforeTheFirstStepIsToldButEndsNoRun() {
        var detector = detector()
        for time in [0.0, 5000] {
            for rank in 0..<4 {
                detector.record(message(rank, .loading, waiting: rank != 0, step: 0), at: time)
            }
        }
        guard case .warning(let text) = detector.check(at: 5000) else {
            Issue.record("no warning")
            return
        }
        #expect(text.hasPrefix("before the first step: waiting for rank 0 on host a"))
    }

    @Test func aRankThatIsStoppedBeforeTheFirstStepEndsTheRun() {
        var detector = detector()
        for rank in 0..<4 { detector.record(message(rank, .loading, step: 0), at: 0) }
        for rank in 0..<3 { detector.record(message(rank, .loading, step: 0), at: 1799) }
        guard case .end = detector.check(at: 1800) else {
            Issue.record("no end")
            return
        }
    }
}
