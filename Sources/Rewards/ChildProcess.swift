import Foundation
import Glibc

/// A process that answers each line with a line. Its messages go where the run's go.
///
/// Used by one thread at a time, hence unchecked.
final class ChildProcess: @unchecked Sendable {
    /// What became of it instead of an answer.
    enum Failure: Error, CustomStringConvertible {
        case didNotStart(String)
        case ended(status: Int32, bySignal: Bool)
        case tooSlow(seconds: Double)

        var description: String {
            switch self {
            case .didNotStart(let reason): "could not be started: \(reason)"
            case .ended(let status, false): "ended with status \(status)"
            case .ended(let status, true): "was ended by signal \(status)"
            case .tooSlow(let seconds):
                "gave no answer within \(seconds) s (grpo_reward_timeout)"
            }
        }
    }

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var received = Data()

    /// Starts `command`, as a shell reads it.
    init(_ command: String) throws(Failure) {
        // What is written to a process that has ended is an error here, not the end of this one.
        signal(SIGPIPE, SIG_IGN)
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardInput = input
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            throw .didNotStart(error.localizedDescription)
        }
    }

    func write(_ text: String) throws(Failure) {
        do {
            try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        } catch {
            throw ended()
        }
    }

    /// The next line, without its end.
    func line(within seconds: Double) throws(Failure) -> String {
        let newline = UInt8(ascii: "\n")
        let start = ContinuousClock.now
        while true {
            if let end = received.firstIndex(of: newline) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received = Data(received[received.index(after: end)...])
                return line
            }
            let left = seconds - (ContinuousClock.now - start) / .seconds(1)
            guard left > 0 else { throw .tooSlow(seconds: seconds) }
            var wanted = pollfd(
                fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, Int32(min(left, 3600) * 1000) + 1) > 0 else { continue }
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw ended() }
            received += data
        }
    }

    private func ended() -> Failure {
        // It has closed its end; a process that lives on then is ended.
        if process.isRunning { usleep(100_000) }
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        return .ended(
            status: process.terminationStatus,
            bySignal: process.terminationReason == .uncaughtSignal)
    }

    /// Closes its input and ends it.
    func end() {
        try? input.fileHandleForWriting.close()
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
    }
}
