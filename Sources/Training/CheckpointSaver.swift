import Checkpoints
import Distributed
import Finetuning
import Foundation
import ModelFiles
import Reports
import TextData

/// Saves a run's checkpoints: a snapshot by all ranks, written in the background by rank 0.
final class CheckpointSaver {
    private let session: TrainingSession
    private let writer: BackgroundCheckpointWriter?
    private var lastSaved: Int?
    /// What checkpoints remember of the model; its files are read once.
    private lazy var model = ModelRecord(session.setup)
    /// An adapter that could not be written since the last report.
    private var adapterFailure: (step: Int, error: TrainingError)?

    init(_ session: TrainingSession) {
        self.session = session
        writer =
            session.communicator.rank == 0
            // Arrays that are read where they lie must be read before the next update.
            ? BackgroundCheckpointWriter(
                store: session.store,
                givingWay: !session.loop.arraysAreReadable
                    || session.setup.savedParameters.contains { !$0.isTrainable }) : nil
    }

    /// Clears output_dir of what must not be taken for this run's: half-written files of killed
    /// runs, the checkpoints of a run that this one overwrites or leaves aside, and those after the
    /// one it was told to go on from. For rank 0, at the start.
    func clear(_ observers: ObserverList) {
        guard writer != nil, isEnabled else { return }
        let (store, output) = (session.store, session.configuration.output)
        do throws(CheckpointError) {
            try store.removeLeftovers()
            let resumed = session.resumed
            if resumed == nil, output.overwriteOutputDir {
                for step in try store.steps() { try store.remove(step: step) }
            } else if resumed == nil || output.resume.namesACheckpoint {
                // The run branches off: what came after belongs to another line of work, and would
                // be the newest when this run is to go on.
                for step in try store.steps() where step > resumed?.step ?? -1 {
                    observers.note("kept \(try store.setAside(step: step)) of the run before")
                    setAsideAdapter(of: step)
                }
            } else {
                return
            }
            removeOldAdapters(before: Int.max)
        } catch {
            observers.note("old checkpoints could not be removed: \(error)")
        }
    }

    /// Whether the run saves at all.
    var isEnabled: Bool { session.configuration.output.saveStrategy != .no }

    /// Takes a snapshot and hands it to the writer. Collective.
    func save(
        _ progress: RunProgress, memory: RunMemory, best: Int?
    ) throws(TrainingError) {
        guard lastSaved != progress.step else { return }
        lastSaved = progress.step
        let output = session.configuration.output
        // The memory of the last snapshot serves this one, once it is written; and only the newest
        // snapshot is detached before an update.
        writer?.finish()
        let snapshot = try session.loop.snapshot(
            of: session.setup.savedParameters, moments: !output.saveOnlyModel)
        guard let writer, let snapshot else { return }
        session.loop.willUpdate = { [weak snapshot] in snapshot?.detach() }
        if session.setup.isAdapter, let folder = output.outputDir {
            do {
                try writeAdapter(to: "\(folder)/checkpoint-\(progress.step)")
            } catch {
                adapterFailure = (progress.step, error)
            }
        }
        let seed = UInt64(session.configuration.train.seed)
        let data = session.data
        var memory = memory
        memory.data = DataRecord(data, session.configuration)
        memory.model = model
        let metadata = CheckpointMetadata(
            step: progress.step, configuration: session.configuration.resolvedText,
            modelConfiguration: session.setup.model.description.configuration,
            tokenizer: session.stage.tokenizerFiles,
            data: DataPosition(
                samplesConsumed: Int64(progress.samplesConsumed),
                tokensSeen: Int64(progress.tokensSeen),
                seed: UInt64(session.configuration.train.dataSeed),
                epoch: progress.epoch,
                sampleTokens: Int64(data.sampleTokens),
                datasetTokens: Int64(data.datasetTokens)),
            scaler: session.loop.lossScale.map {
                ScalerState(
                    scale: $0.state.scale, goodSteps: $0.state.goodSteps,
                    hysteresis: $0.state.hysteresis, skippedSteps: $0.state.skippedSteps)
            },
            random: RandomState(seed: seed), history: memory.text,
            optimizer: session.loop.optimizer.rule.name,
            optimizerSteps: session.loop.optimizer.steps)
        let store = session.store
        writer.submit(
            step: progress.step,
            retention: output.saveTotalLimit.map { Retention(limit: $0, best: best) }
        ) { () throws(CheckpointError) in
            try store.write(metadata) { (writer) throws(CheckpointError) in
                try snapshot.append(to: writer)
            }
        }
    }

    /// Whether two saves in a row have failed, or the folder is no longer this run's.
    var fails: Bool {
        if let loss = session.lock?.loss {
            cause = loss.description
            return true
        }
        return (writer?.consecutiveFailures ?? 0) >= 2
    }

    /// Why the last failed save failed.
    private(set) var cause = "rank 0 says why"

    /// Tells how saves went since the last call.
    func tell(_ observers: ObserverList) {
        if let (step, error) = adapterFailure {
            adapterFailure = nil
            observers.note("the adapter of step \(step) could not be written: \(error.description)")
        }
        for result in writer?.takeResults() ?? [] {
            if let error = result.error {
                cause = error.description
                observers.note(
                    "the checkpoint of step \(result.step) could not be saved: \(error); the "
                        + "run goes on, the last good checkpoint is kept")
            } else {
                let path = session.store.path(step: result.step)
                observers.note("saved \(path) in \(String(format: "%.1f", result.seconds)) s")
                removeSuperseded(upTo: result.step, observers)
            }
            removeOldAdapters(before: result.step)
            if let error = result.pruneError {
                observers.note("old checkpoints could not be removed: \(error)")
            }
        }
    }

    /// Waits for the save under way. Collective.
    ///
    /// - Throws: ``TrainingError/cannotSave(step:cause:)`` on every rank if it failed.
    func finish(_ observers: ObserverList) throws(TrainingError) {
        writer?.finish()
        tell(observers)
        var flag = [(writer?.consecutiveFailures ?? 0) > 0 ? 1.0 : 0.0]
        do {
            try session.communicator.broadcast(&flag, from: 0)
        } catch {
            throw .communication(error)
        }
        if flag[0] > 0 { throw .cannotSave(step: lastSaved ?? 0, cause: cause) }
    }

    /// Writes the adapter's own files, and the tokenizer's.
    private func writeAdapter(to folder: String) throws(TrainingError) {
        do throws(FinetuningError) {
            try session.setup.method.write(
                to: folder, base: session.configuration.model.modelNameOrPath ?? "",
                in: session.workspace)
        } catch {
            throw .finetuning(error)
        }
        try ofModelFiles { () throws(ModelFileError) in
            try ValueHeadFile.write(of: session.setup.model, in: session.workspace, to: folder)
            try AdapterLabels.write(of: session.setup.model, to: folder)
            try session.setup.adapters.writeMerged(to: folder)
        }
        for (name, text) in session.stage.tokenizerFiles {
            let path = folder + "/" + name
            do {
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent,
                    withIntermediateDirectories: true)
                try text.write(toFile: path, atomically: true, encoding: .utf8)
            } catch {
                throw .user("\(path) cannot be written: \(error.localizedDescription)")
            }
        }
    }

    /// Renames the adapter of a checkpoint as the checkpoint itself is.
    private func setAsideAdapter(of step: Int) {
        guard session.setup.isAdapter, let folder = session.configuration.output.outputDir else {
            return
        }
        let aside = folder + "/superseded-checkpoint-\(step)"
        // The checkpoint holds the adapter's numbers too; nothing is lost where this fails.
        try? FileManager.default.removeItem(atPath: aside)
        try? FileManager.default.moveItem(atPath: folder + "/checkpoint-\(step)", toPath: aside)
    }

    /// Removes what was set aside of the run before, up to the step that this one has reached: its
    /// own checkpoint takes that place.
    private func removeSuperseded(upTo step: Int, _ observers: ObserverList) {
        guard let folder = session.configuration.output.outputDir,
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return }
        let start = "superseded-checkpoint-"
        for name in names where name.hasPrefix(start) {
            let number = name.dropFirst(start.count)
            guard let old = Int(number.hasSuffix(".h5") ? number.dropLast(3) : number), old <= step
            else { continue }
            // One that cannot be removed is in nobody's way.
            guard (try? FileManager.default.removeItem(atPath: folder + "/" + name)) != nil
            else { continue }
            observers.note("removed \(folder)/\(name): this run has come as far")
        }
    }

    /// Removes the adapters of checkpoints before `step` that are no longer kept. That of a later
    /// one stands before its checkpoint does, which is written in the background.
    private func removeOldAdapters(before step: Int) {
        guard session.setup.isAdapter, let folder = session.configuration.output.outputDir,
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return }
        let kept = Set(names)
        for name in names where name.hasPrefix("checkpoint-") && !kept.contains(name + ".h5") {
            guard let number = Int(name.dropFirst("checkpoint-".count)), number < step else {
                continue
            }
            // One that cannot be removed is in nobody's way.
            try? FileManager.default.removeItem(atPath: folder + "/" + name)
        }
    }

    /// Writes the model as a Hugging Face folder into output_dir, on rank 0, whatever save_strategy
    /// says of checkpoints. Collective.
    ///
    /// - Returns: why it could not be written.
    func writeModel(_ observers: ObserverList) throws(TrainingError) -> String? {
        let loop = session.loop
        try loop.communicating { () throws(CommunicationError) in
            try loop.reducer.completeMasters()
        }
        guard session.communicator.rank == 0,
            let folder = session.configuration.output.outputDir
        else { return nil }
        if session.setup.isAdapter {
            do {
                try writeAdapter(to: folder)
            } catch {
                return problem("adapter", error)
            }
            observers.note(
                "the adapter is in \(folder) (\(AdapterFolder.configurationFile), "
                    + "\(session.setup.method.weightsFile))")
            return nil
        }
        let (model, workspace) = (session.setup.model, session.workspace)
        var files = session.stage.tokenizerFiles
        do {
            files[GenerationConfiguration.fileName] = try GenerationConfiguration.text(
                of: session.setup.source, configuration: model.description.configuration,
                files: files)
            let kept =
                session.configuration.model.trainFromScratch
                ? [] : try session.setup.source.keptArrays(of: model)
            try ModelExport.write(
                model, in: workspace, to: folder, type: .float32, tokenizerFiles: files, kept: kept)
            observers.note("the model is in \(folder) (config.json, model.safetensors)")
        } catch {
            return problem("model", error)
        }
        return nil
    }

    private func problem(_ what: String, _ error: any Error) -> String {
        "the \(what) could not be written: \(error)"
    }
}
