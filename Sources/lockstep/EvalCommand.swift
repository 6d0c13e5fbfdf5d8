import ArgumentParser
import Configuration
import Distributed
import Evaluation
import Files
import Foundation
import ModelFiles
import Training

/// `lockstep eval FILE.yaml [key=value …]`
struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract:
            "Tries a model on tasks of multiple choice and generation; alone or under mpirun.",
        discussion: """
            Reads task (mmlu_test, ceval_validation, cmmlu_test, …), task_dir, lang, n_shot, \
            batch_size, max_samples, template and save_dir, a new folder for the results. Data are \
            local files; docs/evaluation.md says what lies where.
            """)

    @Argument(help: "The YAML file.")
    var file: String

    @Argument(help: "Settings that win over the file's, as key=value.")
    var overrides: [String] = []

    @Flag(help: "Go on with the answers that a run which was cut off left in save_dir.")
    var resume = false

    func run() throws {
        let communicator = Ranks.meet()
        let stop = StopRequest(afterSeconds: nil)
        let notice = StopNotice(ProcessInfo.processInfo.environment)
        stop.listen(notice: notice.tell)
        var heartbeat: Heartbeat?
        do throws(TrainingError) {
            let configuration = try ConfigurationFile.agreed(
                file, overrides: overrides, command: .eval, over: communicator)
            let pulse = try Ranks.heartbeat(communicator, configuration)
            heartbeat = pulse
            notice.watch(pulse)
            pulse.enter(.loading, step: 0)
            let (model, selection) = try RankAgreement.onAllRanks(communicator) {
                () throws(TrainingError) in
                try prepared(configuration, communicator)
            }
            let weights = try ModelAgreement.check(
                model.path, adapters: model.adapters, over: communicator)
            let end = try results(
                configuration, model, of: weights, selection, communicator, pulse, stop)
            pulse.stop()
            guard case .results(let results) = end else {
                notice.tellOwed()
                Self.leave(communicator, end)
            }
            if communicator.rank == 0 { for line in results { print(line) } }
            Success.end(communicator)
        } catch {
            heartbeat?.stop(failed: true)
            Failure.end(communicator, error)
        }
    }

    /// How an evaluation ends.
    private enum End {
        /// Lines of results.
        case results([String])
        /// On request, with some answers kept for --resume; `nil` where none are kept.
        case stopped(kept: Int?, of: Int)
    }

    private static func leave(_ communicator: any Communicator, _ end: End) -> Never {
        guard case .stopped(let kept?, let count) = end else {
            FatalExit.together(
                communicator,
                message: "stopped on request; save_dir is not set, so no answers are kept",
                status: .failed)
        }
        FatalExit.together(
            communicator,
            message:
                "stopped on request with \(kept) of \(count) answers kept; run the same command "
                + "with --resume to go on", status: .stopped)
    }

    /// The model and the tasks, with all that can be wrong about them found.
    private func prepared(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) throws(TrainingError) -> (TaskModel, TaskCatalog.Selection) {
        do throws(ConfigurationError) {
            try configuration.validateFiles()
        } catch {
            throw .configuration(error)
        }
        let folder = configuration.tasks.saveDir
        if communicator.rank == 0, let folder {
            guard resume || !FileManager.default.fileExists(atPath: folder) else {
                throw .user(
                    "save_dir: '\(folder)' exists already; choose a new folder, or go on with what "
                        + "is in it with --resume")
            }
        }
        guard !resume || folder != nil else {
            throw .user("--resume: save_dir is not set, so no answers are kept; set it")
        }
        return try ofEvaluation { () throws(EvaluationError) in
            let model = try TaskModel(
                configuration,
                threads: max(1, Machine.allowedProcessors() / communicator.localSize),
                readYAML: TaskFileReading.read)
            return (model, try TaskCatalog.selection(configuration.tasks.tasks, model.setting))
        }
    }

    private func results(
        _ configuration: RunConfiguration, _ model: TaskModel, of weights: String,
        _ selection: TaskCatalog.Selection, _ communicator: any Communicator,
        _ pulse: Heartbeat, _ stop: StopRequest
    ) throws(TrainingError) -> End {
        let tasks = selection.tasks
        let begun = Date()
        let folder = configuration.tasks.saveDir
        if communicator.rank == 0 {
            let notes = tasks.flatMap(\.notes) + TaskCatalog.notes(tasks, model.setting)
            for note in configuration.notices + notes { Failure.say(note) }
        }
        let output = folder.map { TaskOutput(folder: $0, tasks.map(\.name)) }
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            guard communicator.rank == 0 else { return }
            try ofEvaluation { () throws(EvaluationError) in try output?.begin() }
        }
        let run = TaskRun(
            tasks, batch: configuration.tasks.batchSize, over: communicator, keptIn: folder,
            of: "\(configuration.hash) \(weights)")
        let meter = EvaluationMeter(isShown: communicator.rank == 0)
        let found = try ofEvaluation { () throws(EvaluationError) in
            try run.results(
                by: model.scorer, resumes: resume, stepped: { pulse.enter(.evaluate, step: 0) },
                leaves: { stop.isSet }, progress: meter.show)
        }
        meter.end()
        guard let results = found else {
            return .stopped(kept: folder.map { _ in run.keptCount }, of: run.requestCount)
        }
        let reports = HarnessResults(
            results.compactMap(\.report), groups: selection.groups,
            HarnessResults.Run(
                model: model.path, settings: Self.settings(configuration),
                version: ProgramVersion.text, date: begun,
                seconds: Date().timeIntervalSince(begun)))
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            guard communicator.rank == 0 else { return }
            try ofEvaluation { () throws(EvaluationError) in
                try output?.write(results, reports)
            }
        }
        run.forgetAnswers()
        return .results(results.flatMap(\.lines) + reports.table)
    }
}

extension EvalCommand {
    /// Settings that results name.
    fileprivate static func settings(_ configuration: RunConfiguration) -> [JSONValue.Member] {
        let tasks = configuration.tasks
        return [
            ("model_args", .string(configuration.model.modelNameOrPath ?? "")),
            ("adapters", .array(configuration.adapter.adapterNameOrPath.map { .string($0) })),
            ("batch_size", .int(tasks.batchSize)),
            ("limit", configuration.data.maxSamples.map { .int($0) } ?? .null),
            ("fewshot_seed", .int(tasks.shotSeed ?? 1234)),
            ("apply_chat_template", .bool(tasks.appliesChatTemplate)),
            ("fewshot_as_multiturn", .bool(tasks.shotsAreTurns)),
            (
                "system_instruction",
                tasks.systemInstruction.isEmpty ? .null : .string(tasks.systemInstruction)
            ),
            ("dtype", .string(configuration.export.inferDType.rawValue)),
        ]
    }
}

/// Progress of an evaluation on stderr: a line redrawn on a terminal, a line each tenth elsewhere.
private final class EvaluationMeter {
    private let isShown: Bool
    private let isTerminal = isatty(2) == 1
    private let start = Date()
    private var last = -1

    init(isShown: Bool) { self.isShown = isShown }

    func show(_ progress: TaskRun.Progress) {
        guard isShown, progress.allTokens > 0 else { return }
        let percent = 100 * progress.tokens / progress.allTokens
        let step = isTerminal ? percent : percent / 10
        guard step != last else { return }
        last = step
        let seconds = max(Date().timeIntervalSince(start), 1e-3)
        let left =
            seconds / Double(max(progress.tokens, 1))
            * Double(progress.allTokens - progress.tokens)
        let line =
            "evaluating \(percent) %, \(progress.answered) of \(progress.requests) requests, "
            + String(format: "%.0f tokens/s, ", Double(progress.tokens) / seconds)
            + Self.clock(left) + " left"
        write(isTerminal ? "\r\u{1B}[K" + line : line + "\n")
    }

    func end() { if isShown, isTerminal { write("\n") } }

    /// Hours, minutes and seconds.
    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
