import Configuration
import Distributed
import Files
import Foundation
import Generation
import Training

/// The ways a command ends before its work is done.
enum Failure {
    /// Prints one line on stderr.
    static func say(_ message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        FileHandle.standardError.write(Data("lockstep: \(TerminalText.shown(line))\n".utf8))
    }

    /// Ends a command of one process.
    static func end(_ error: TrainingError) -> Never {
        say(error.description)
        exit(error.exitStatus.rawValue)
    }

    /// Ends a command of one process for a mistake of the user.
    static func end(mistake: String) -> Never {
        say(mistake)
        exit(ExitStatus.mistake.rawValue)
    }

    /// Ends a command whose answer did not arrive whole.
    static func end(output failure: FinishedFile.Failure) -> Never {
        say(FileProblem.line(of: failure.call, code: failure.code, file: "standard output"))
        exit(ExitStatus.failed.rawValue)
    }

    /// Ends all ranks for an error that all of them have.
    static func end(
        _ communicator: any Communicator, _ error: TrainingError
    ) -> Never {
        if case .communication(let inner) = error {
            FatalExit.end(communicator, error: inner, step: nil)
        }
        FatalExit.together(
            communicator, message: TerminalText.shown(error.description),
            status: error.exitStatus)
    }
}

/// How a command of all ranks ends when its work is done.
enum Success {
    /// Ends all ranks with status 0; with 1 where the answer did not arrive whole, as on a full disk.
    static func end(_ communicator: any Communicator) -> Never {
        guard let failure = StandardOutput.failure() else {
            FatalExit.together(communicator, message: nil, status: .done)
        }
        FatalExit.together(
            communicator,
            message: FileProblem.line(
                of: failure.call, code: failure.code, file: "standard output"), status: .failed)
    }
}

extension TrainingError {
    /// 1 where the run failed, 2 where the user can mend it.
    var exitStatus: ExitStatus {
        switch self {
        case _ where isOfMachine: .failed
        case .communication(let error): error.exitStatus
        case .corpus(.rollout), .diverged, .cannotSave, .cannotFinish, .cannotWrite, .folder(.lost):
            .failed
        case .corpus, .tokenizer, .checkpoint, .finetuning, .conversation, .configuration,
            .modelFile, .user, .folder:
            .mistake
        }
    }
}

/// What `body` gives; its problem as an error of a command.
func ofGeneration<Value>(
    _ body: () throws(GenerationError) -> Value
) throws(TrainingError) -> Value {
    do {
        return try body()
    } catch {
        switch error {
        case .modelFile(let error): throw .modelFile(error)
        case .user(let message): throw .user(message)
        }
    }
}

/// The configuration of a command, from its file and overrides.
enum ConfigurationFile {
    static func read(
        _ path: String, overrides: [String], command: RunConfiguration.Command
    ) throws(TrainingError) -> RunConfiguration {
        do {
            return try WrittenConfiguration(
                file: path == SettingArguments.noFile ? nil : path, overrides: overrides
            ).configuration(for: command)
        } catch {
            throw .configuration(error)
        }
    }
}

extension ConfigurationFile {
    /// The configuration of a command that may run under mpirun, if all ranks can read it and it is
    /// the same on all. Collective.
    static func agreed(
        _ path: String, overrides: [String], command: RunConfiguration.Command,
        over communicator: any Communicator
    ) throws(TrainingError) -> RunConfiguration {
        let configuration = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try read(path, overrides: overrides, command: command)
        }
        try configuration.agree(over: communicator)
        return configuration
    }
}

extension RunConfiguration {
    /// The same with samples that its model has positions for, where their length was not given.
    ///
    /// - Parameter says: whether to tell the user what that changed.
    func fittedToModel(says: Bool) throws(TrainingError) -> RunConfiguration {
        let fitted = try fittedToModel()
        if says { for notice in fitted.notices.dropFirst(notices.count) { Failure.say(notice) } }
        return fitted
    }
}

/// The processes of a command that may run under mpirun.
enum Ranks {
    /// The communicator; ends the process where ranks and launcher disagree.
    static func meet() -> any Communicator {
        do {
            let communicator = try Launch.communicator(
                environment: ProcessInfo.processInfo.environment)
            if communicator.size > 1 {
                MappedFile.setPlace("rank \(communicator.rank) on \(communicator.hostName): ")
            }
            return communicator
        } catch {
            FatalExit.beforeStart(error)
        }
    }

    /// Signs of life from all ranks, from now on. Collective.
    static func heartbeat(
        _ communicator: any Communicator, _ configuration: RunConfiguration
    ) throws(TrainingError) -> Heartbeat {
        do {
            return try Heartbeat(
                communicator: communicator,
                settings: HeartbeatSettings(timeoutSeconds: configuration.compute.ddpTimeout))
        } catch {
            throw .communication(error)
        }
    }
}
