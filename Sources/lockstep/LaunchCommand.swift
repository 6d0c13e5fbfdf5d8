import ArgumentParser
import Foundation
import Synchronization

/// `lockstep launch mpirun … lockstep train FILE.yaml`
struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launch",
        abstract: "Starts mpirun so that SIGTERM and Ctrl-C stop the run with a checkpoint.",
        discussion: """
            Open MPI's mpirun kills all ranks a second after it got SIGTERM or SIGINT, and returns \
            1. Started by this command it gets SIGUSR1 in their place, which it hands to the ranks \
            of all hosts: they save, and the status is 75. A second signal ends the run at once.
              lockstep launch mpirun -np 2 lockstep train run.yaml
            """)

    @Argument(parsing: .captureForPassthrough, help: "mpirun, its arguments, and the program's.")
    var command: [String] = []

    func run() throws {
        if ["--help", "-h"].contains(command.first) { throw CleanExit.helpRequest(self) }
        let words = command.first == "--" ? Array(command.dropFirst()) : command
        guard !words.isEmpty else {
            Failure.end(mistake: "launch: expected a command, such as mpirun -np 2 lockstep train")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        // In a process group of its own the command gets no signals from the terminal, and would be
        // stopped if it read from it.
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            Failure.end(mistake: "launch: \(words[0]) cannot be started: \(error)")
        }
        // Not before: the command would inherit signals that are ignored.
        SignalRelay(to: process.processIdentifier).listen()
        process.waitUntilExit()
        let status = process.terminationStatus
        Foundation.exit(process.terminationReason == .uncaughtSignal ? 128 + status : status)
    }
}

/// Hands signals on to a process: those that ask for an end as SIGUSR1, which asks for a good one.
private final class SignalRelay: Sendable {
    private let process: pid_t
    private let hasAsked = Atomic<Bool>(false)

    init(to process: pid_t) { self.process = process }

    func listen() {
        for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler keeps its source, and so this object, for as long as the process lives.
            source.setEventHandler { [self] in
                relay(number)
                _ = source
            }
            source.resume()
        }
    }

    private func relay(_ number: Int32) {
        guard [SIGTERM, SIGINT, SIGHUP].contains(number) else {
            kill(process, number)
            return
        }
        let name = number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "SIGHUP"
        if hasAsked.exchange(true, ordering: .relaxed) {
            Failure.say("\(name) again: ending the run at once")
            kill(process, SIGTERM)
        } else {
            Failure.say(
                "\(name): the run is asked to save and stop (SIGUSR1); a second signal ends it at "
                    + "once")
            kill(process, SIGUSR1)
        }
    }
}
