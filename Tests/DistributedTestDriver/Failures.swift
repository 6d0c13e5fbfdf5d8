import Distributed
import Foundation

/// The last rank asks for a longer sum than the others.
func makeDifferentCalls(_ communicator: any Communicator) throws(CommunicationError) {
    let isLast = communicator.rank == communicator.size - 1
    let buffer = makeBuffer(isLast ? 200 : 100) { _ in 1 }
    try communicator.beginSum(buffer).wait()
}

/// The last rank has found a mistake of the user's.
func agreeOnError(_ communicator: any Communicator) throws(CommunicationError) {
    let isLast = communicator.rank == communicator.size - 1
    try communicator.agree(on: isLast ? "shard 3 is not there" : nil)
}

/// No rank has found a mistake.
func agreeOnNothing(_ communicator: any Communicator) throws(CommunicationError) {
    try communicator.agree(on: nil)
}

/// Rank 1 has another configuration than the rest.
func disagreeOnConfiguration(_ communicator: any Communicator) throws(CommunicationError) {
    try agreement(communicator, configuration: communicator.rank == 1 ? "lr: 2" : "lr: 1")
}

/// All ranks have the same of everything.
func agreeOnStartup(_ communicator: any Communicator) throws(CommunicationError) {
    try agreement(communicator, configuration: "lr: 1")
}

private func agreement(
    _ communicator: any Communicator, configuration: String
) throws(CommunicationError) {
    try StartupAgreement(
        rankCount: communicator.size, program: try .ofRunningProgram(),
        library: communicator.libraryVersion, configuration: Fingerprint(configuration),
        layout: Fingerprint("wte")
    ).verify(on: communicator)
}

/// All ranks stop on request.
func endWithStatus75(_ communicator: any Communicator) throws(CommunicationError) {
    FatalExit.together(communicator, message: nil, status: .stopped)
}

/// The last rank fails by itself while the others wait for it.
func failAlone(_ communicator: any Communicator) throws(CommunicationError) {
    if communicator.rank == communicator.size - 1 {
        FatalExit.alone(
            communicator, step: 7, cause: "the disk is full", advice: "free some space")
    }
    try communicator.barrier()
}

/// Steps that sum over ranks and end well.
func trainWithoutFault(_ communicator: any Communicator) throws(CommunicationError) {
    try train(communicator, isImpatient: false) { _ in }
}

/// Steps that sum over ranks until one rank commits its fault.
func trainUntilFault(_ fault: String, isImpatient: Bool = false) -> Scenario {
    { (communicator) throws(CommunicationError) in
        let injection = try FaultInjection(parsing: fault)
        try train(communicator, isImpatient: isImpatient) { step in
            injection.strike(rank: communicator.rank, step: step)
        }
    }
}

/// Steps that sum over ranks until one process is frozen from outside, as it were.
func freeze(rank: Int) -> Scenario {
    { (communicator) throws(CommunicationError) in
        try train(communicator, isImpatient: true) { step in
            if communicator.rank == rank && step == 3 { kill(getpid(), SIGSTOP) }
        }
    }
}

private func train(
    _ communicator: any Communicator, isImpatient: Bool, _ atStart: (Int) -> Void
) throws(CommunicationError) {
    let heartbeat = try Heartbeat(
        communicator: communicator,
        settings: HeartbeatSettings(
            periodSeconds: 0.05, minimumStallSeconds: isImpatient ? 0.8 : 30,
            timeoutSeconds: isImpatient ? 2 : 600))
    let buffer = makeBuffer(10_000) { _ in 1 }
    for step in 1...6 {
        heartbeat.enter(.dataLoad, step: step)
        atStart(step)
        heartbeat.enter(.reduce, step: step)
        try communicator.beginSum(buffer).wait()
    }
    heartbeat.stop()
}
