import Distributed
import Foundation
import Testing

struct AgreementTests {
    private let hosts = ["a", "a", "b", "b", "c"]

    private func texts(_ changed: [Int: [String]]) -> [String] {
        (0..<5).map { rank in
            (changed[rank] ?? ["5", "p", "Open MPI v4.1.4", "c", "l"]).joined(separator: "\u{1F}")
        }
    }

    @Test func equalAnswersAgree() {
        #expect(StartupAgreement.difference(texts: texts([:]), hosts: hosts) == nil)
    }

    @Test func theMinorityIsNamedFirst() {
        let other = ["5", "q", "Open MPI v4.1.4", "c", "l"]
        let error = StartupAgreement.difference(texts: texts([2: other, 3: other]), hosts: hosts)
        #expect(
            error
                == .disagreement(
                    what: "the program (hash of the binary)",
                    ranks: "ranks 2, 3 on host b: q; ranks 0, 1, 4 on hosts a, c: p"))
        #expect(error?.exitStatus == .mistake)
    }

    @Test(arguments: [
        (["4", "p", "Open MPI v4.1.4", "c", "l"], "the number of ranks"),
        (["5", "p", "Open MPI v4.1.6", "c", "l"], "the MPI library"),
        (["5", "p", "Open MPI v4.1.4", "d", "l"], "the configuration (hash)"),
        (["5", "p", "Open MPI v4.1.4", "c", "m"], "the model's parameter layout (hash)"),
        (["5", "p"], "the MPI library"),
    ])
    func eachItemIsCompared(answers: [String], what: String) {
        let error = StartupAgreement.difference(texts: texts([4: answers]), hosts: hosts)
        guard case .disagreement(let found, let ranks) = error else {
            Issue.record("no disagreement")
            return
        }
        #expect(found == what)
        #expect(ranks.hasPrefix("rank 4 on host c: "))
    }

    @Test func fingerprintsTellTextsApart() {
        #expect(Fingerprint("a") == Fingerprint("a"))
        #expect(Fingerprint("a") != Fingerprint("b"))
        #expect(Fingerprint("") != Fingerprint("\0"))
        #expect(Fingerprint("12345678") != Fingerprint("12345678\0"))
        #expect(Fingerprint("a").text.count == 16)
    }

    @Test func theRunningProgramHasAFingerprint() throws {
        #expect(try Fingerprint.ofRunningProgram() == .ofRunningProgram())
        #expect(try Fingerprint.ofRunningProgram() != Fingerprint())
    }

    @Test func evenSlicesCoverEverythingOnce() {
        let (counts, offsets) = evenSlices(of: 11, among: 4)
        #expect(counts == [3, 3, 3, 2])
        #expect(offsets == [0, 3, 6, 9])
        #expect(evenSlices(of: 2, among: 3).counts == [1, 1, 0])
    }
}

struct FaultInjectionTests {
    @Test func aFaultIsReadFromItsText() throws {
        #expect(
            try FaultInjection(parsing: "kill:1@20")
                == FaultInjection(fault: .kill, rank: 1, step: 20))
        #expect(
            try FaultInjection(parsing: "slow:0@0")
                == FaultInjection(fault: .slow, rank: 0, step: 0))
    }

    @Test(arguments: ["", "kill", "kill:1", "kill:1@", "burn:1@2", "kill:-1@2", "kill:1@2@3"])
    func otherTextsAreRefused(text: String) {
        #expect(throws: CommunicationError.invalidFault(text: text)) {
            try FaultInjection(parsing: text)
        }
    }

    @Test func otherRanksAndStepsAreSpared() {
        let fault = FaultInjection(fault: .kill, rank: 1, step: 20)
        fault.strike(rank: 0, step: 20)
        fault.strike(rank: 1, step: 19)
        fault.strike(rank: 1, step: 21)
    }

    @Test func aRankIsSlowedInTheStepsAfterTheOneNamed() {
        let fault = FaultInjection(fault: .slow, rank: 1, step: 3)
        #expect(fault.slows(rank: 1, step: 4) && fault.slows(rank: 1, step: 9))
        #expect(!fault.slows(rank: 1, step: 3) && !fault.slows(rank: 0, step: 4))
        #expect(!FaultInjection(fault: .kill, rank: 1, step: 3).slows(rank: 1, step: 4))
    }

    @Test func slowedPassesTakeTwiceAsLong() {
        var slowed = SlowedPasses()
        #expect(slowed.delay() == 0)
        slowed.stepEnded(passes: 4, seconds: 2)
        #expect((0..<4).map { _ in slowed.delay() } == [0.5, 0.5, 0.5, 0.5])
        // Of these four seconds two were waited; the next step has fewer passes.
        slowed.stepEnded(passes: 4, seconds: 4)
        #expect((0..<2).map { _ in slowed.delay() } == [0.5, 0.5])
        slowed.stepEnded(passes: 2, seconds: 2)
        #expect(slowed.delay() == 0.5)
    }
}

struct LinkProbeTests {
    @Test func everyTwoHostsAreMeasuredAndEachHostInside() {
        let pairs = LinkProbe.pairs(hosts: ["a", "a", "b", "c", "c"])
        #expect(pairs.map(\.0) == [0, 0, 2, 0, 3])
        #expect(pairs.map(\.1) == [2, 3, 3, 1, 4])
    }

    @Test func manyHostsAreMeasuredInAChain() {
        let pairs = LinkProbe.pairs(hosts: (0..<9).map { "h\($0)" })
        #expect(pairs.map(\.0) == Array(0..<8))
        #expect(pairs.map(\.1) == Array(1..<9))
    }

    @Test func processorListsAreCounted() {
        #expect(Machine.processorCount(list: "0-3,8,10-11") == 7)
        #expect(Machine.processorCount(list: "5") == 1)
        #expect(Machine.processorCount(list: "") == 0)
    }
}
