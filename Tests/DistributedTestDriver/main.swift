// Runs one scenario on every rank; started under mpirun by DistributedTests.
// Usage: DistributedTestDriver [far-]SCENARIO[@N], where N ranks in a row count as one host's and `far-` has
// arrays lie where the host reaches them by copies only.
import Distributed
import Foundation

let scenarios: [String: Scenario] = [
    "sums": checkSums,
    "slices": checkSlices,
    "texts": checkTexts,
    "tree": printTreeSums,
    "narrow": checkNarrowSums,
    "narrow-slices": checkNarrowSlices,
    "volume": checkVolume,
    "equal": checkEqualBits,
    "tables": checkTables,
    "masters": checkSharedMasters,
    "snapshots": checkSnapshots,
    "whole-parameters": checkWholeParameters,
    "two-tokens-gradient": checkTwoTokensGradient,
    "two-tokens": trainTwoTokens,
    "forgotten-loss": forgetLoss,
    "overlap-probe": checkOverlapProbe,
    "waiting": checkWaitingIsMeasured,
    "dropped": checkDroppedTicket,
    "mismatch": makeDifferentCalls,
    "agree": agreeOnError,
    "agree-none": agreeOnNothing,
    "startup-configuration": disagreeOnConfiguration,
    "startup-same": agreeOnStartup,
    "stopped": endWithStatus75,
    "train": trainWithoutFault,
    "kill": trainUntilFault("kill:1@3"),
    "exit": trainUntilFault("exit:1@3"),
    "exit-at-once": trainUntilFault("exit:1@1"),
    "hang": trainUntilFault("hang:1@3", isImpatient: true),
    "freeze-1": freeze(rank: 1),
    "freeze-0": freeze(rank: 0),
    "alone": failAlone,
    "probe": printProbe,
    "place": { print("size \($0.size) rank \($0.rank) host \($0.hostName)") },
    "time": printTimes,
    "overlap": printOverlap,
]

let words = CommandLine.arguments.dropFirst().first?.split(separator: "@").map(String.init) ?? []
guard let name = words.first, let scenario = scenarios[String(name.dropFirst(isFar ? 4 : 0))] else {
    print("usage: DistributedTestDriver \(scenarios.keys.sorted().joined(separator: "|"))")
    exit(64)
}
do throws(CommunicationError) {
    // Short pieces, so that small buffers go through several of them.
    let communicator = try Launch.communicator(
        environment: ProcessInfo.processInfo.environment,
        pieceBytes: ["time", "overlap", "probe"].contains(name) ? 1 << 22 : 1 << 18,
        ranksPerHost: words.count > 1 ? Int(words[1]) : nil)
    do throws(CommunicationError) {
        try scenario(communicator)
        print("ok \(communicator.rank)")
        try communicator.close()
    } catch {
        FatalExit.end(communicator, error: error, step: nil)
    }
} catch {
    FatalExit.beforeStart(error)
}
