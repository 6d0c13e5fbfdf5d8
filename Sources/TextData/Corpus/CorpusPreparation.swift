import Foundation

/// How far a rank's share of a preparation has come.
package struct PreparationProgress: Sendable, Equatable {
    /// Bytes on disk read, of `bytesTotal` in this rank's units.
    package var bytesDone = 0
    package var bytesTotal = 0
    /// Shards complete, of `unitsTotal`.
    package var unitsDone = 0
    package var unitsTotal = 0
    /// Ids in this rank's shards so far.
    package var tokens = 0
}

/// What one rank did.
package struct PreparationReport: Sendable, Equatable {
    package let units: Int
    /// Of those, how many were there already and were left alone.
    package let unitsSkipped: Int
    /// What all of this rank's shards hold, skipped ones included.
    package let counts: CorpusCounts
    /// Wall-clock time.
    package let seconds: Double
}

/// Adds up progress and tells it.
struct ProgressMeter {
    private(set) var state = PreparationProgress()
    /// What the shards hold that were written.
    private(set) var written = CorpusCounts()
    private var bytesOfCompleteUnits = 0
    private var tokensOfCompleteUnits = 0
    private let tell: @Sendable (PreparationProgress) -> Void

    init(_ units: [CorpusUnit], _ tell: @escaping @Sendable (PreparationProgress) -> Void) {
        self.tell = tell
        state.unitsTotal = units.count
        state.bytesTotal = units.reduce(0) { $0 + $1.bytes }
    }

    mutating func advance(bytes: Int, tokens: Int) {
        state.bytesDone += bytes
        state.tokens += tokens
        tell(state)
    }

    /// A shard has been completed.
    mutating func complete(_ unit: CorpusUnit, _ counts: CorpusCounts) {
        written += counts
        add(unit, counts)
    }

    /// A shard was there already.
    mutating func skip(_ unit: CorpusUnit, _ counts: CorpusCounts) { add(unit, counts) }

    private mutating func add(_ unit: CorpusUnit, _ counts: CorpusCounts) {
        bytesOfCompleteUnits += unit.bytes
        tokensOfCompleteUnits += counts.tokens
        state.bytesDone = bytesOfCompleteUnits
        state.tokens = tokensOfCompleteUnits
        state.unitsDone += 1
        tell(state)
    }
}

/// Text to shards: what `lockstep prepare` does on each rank.
///
/// All ranks make the same plan, each runs its share, and when all have, rank 0 finishes. The
/// shards depend on inputs, settings and tokenizer only. Killed at any time, a preparation goes on
/// where it was: complete shards of the same inputs are left alone.
package struct CorpusPreparation: Sendable {
    private let inputs: [String]
    private let output: String
    private let encoder: TokenEncoder
    private let settings: CorpusSettings

    /// Shards of `inputs` (files, folders, patterns) will go to the folder `output`.
    package init(
        inputs: [String], output: String, encoder: TokenEncoder,
        settings: CorpusSettings = CorpusSettings()
    ) {
        self.inputs = inputs
        self.output = output
        self.encoder = encoder
        self.settings = settings
    }

    /// Finds the files and divides the work. Writes nothing.
    ///
    /// - Throws: ``CorpusError/setting(name:found:expected:)``, ``CorpusError/noInput(_:)``,
    ///   ``CorpusError/unsupportedFile(file:kind:)``, ``CorpusError/emptyCorpus(_:)``,
    ///   ``CorpusError/system(call:code:file:)``.
    package func plan() throws(CorpusError) -> CorpusPlan {
        try settings.validate()
        try encoder.validate()
        guard !inputs.isEmpty else { throw .emptyCorpus("an empty list of inputs") }
        var search = CorpusSearch(excludedFolder: output)
        for input in inputs { try search.add(input) }
        guard search.files.contains(where: { $0.size > 0 }) else { throw emptyCorpus }
        var base = Fingerprint()
        base.add(settings.textField)
        base.add(encoder.tokenizerHash)
        for number in [
            ShardHeader.version, settings.pieceBytes, encoder.vocabularySize,
            Int(encoder.endOfText),
        ] { base.add(number) }
        let units = try CorpusDivision(settings: settings, base: base).units(of: search.files)
        for unit in units { base.add(unit.fingerprint) }
        return CorpusPlan(
            files: search.files, passedOver: search.passedOver, units: units,
            fingerprint: base.value)
    }

    /// Removes the shards and the manifest of an earlier preparation, and nothing else.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)``.
    package func clear() throws(CorpusError) {
        guard CorpusSearch.status(output) != nil else { return }
        try removeFiles { name in
            name == ShardNames.manifest || ShardNames.isShard(name) || ShardNames.isLeftover(name)
        }
    }

    /// Writes the shards of `rank` that are not there yet.
    ///
    /// `progress` is called by one thread at a time, after each piece of text.
    ///
    /// - Throws: ``CorpusError``: the first in reading order. Complete shards stay.
    package func run(
        _ plan: CorpusPlan, rank: Int, ranks: Int,
        progress: @escaping @Sendable (PreparationProgress) -> Void = { _ in }
    ) throws(CorpusError) -> PreparationReport {
        precondition(rank >= 0 && rank < ranks, "prepare: rank \(rank) of \(ranks)")
        let start = DispatchTime.now().uptimeNanoseconds
        try makeFolder()
        if rank == 0 { try removeForeignManifest(plan) }
        let units = plan.shares(ranks: ranks)[rank]
        try removeLeftovers(of: units)

        var meter = ProgressMeter(units, progress)
        var counts = CorpusCounts()
        var missing: [CorpusUnit] = []
        for unit in units {
            if let header = completeShard(unit) {
                counts += header.counts
                meter.skip(unit, header.counts)
            } else {
                missing.append(unit)
            }
        }
        counts += try CorpusPipeline(
            missing, folder: output, encoder: encoder, settings: settings, progress: meter
        ).run()
        let nanoseconds = DispatchTime.now().uptimeNanoseconds - start
        return PreparationReport(
            units: units.count, unitsSkipped: units.count - missing.count, counts: counts,
            seconds: Double(nanoseconds) / 1e9)
    }

    /// Completes the folder once every rank has run: checks that all shards are there, removes
    /// what belongs to none and writes dataset.json. For rank 0.
    ///
    /// - Throws: ``CorpusError/incomplete(folder:missing:units:first:)``,
    ///   ``CorpusError/emptyCorpus(_:)``, ``CorpusError/system(call:code:file:)``.
    @discardableResult
    package func finish(_ plan: CorpusPlan) throws(CorpusError) -> CorpusManifest {
        var shards: [CorpusManifest.Shard] = []
        var counts = CorpusCounts()
        var missing: [String] = []
        for unit in plan.units {
            let name = ShardNames.shard(unit.index)
            guard let header = completeShard(unit) else {
                missing.append(name)
                continue
            }
            counts += header.counts
            shards.append(
                CorpusManifest.Shard(
                    file: name, tokens: header.counts.tokens, documents: header.counts.documents,
                    checksum: header.payloadChecksum))
        }
        if let first = missing.first {
            throw .incomplete(
                folder: output, missing: missing.count, units: plan.units.count, first: first)
        }
        let isEmpty = counts.tokens == 0
        let names = Set(shards.map(\.file))
        try removeFiles { name in
            ShardNames.isLeftover(name)
                || ShardNames.isShard(name) && (isEmpty || !names.contains(name))
        }
        if isEmpty {
            rmdir(output)
            throw emptyCorpus
        }
        let manifest = CorpusManifest(
            plan, encoder: encoder, settings: settings, shards: shards, counts: counts)
        try manifest.write(to: output)
        return manifest
    }

    // MARK: The output folder

    private var emptyCorpus: CorpusError { .emptyCorpus(inputs.joined(separator: ", ")) }

    private func completeShard(_ unit: CorpusUnit) -> ShardHeader? {
        let path = output + "/" + ShardNames.shard(unit.index)
        guard let header = ShardHeader.ofCompleteShard(path),
            header.fingerprint == unit.fingerprint
        else { return nil }
        return header
    }

    private func makeFolder() throws(CorpusError) {
        var path = output.hasPrefix("/") ? "/" : ""
        for component in output.split(separator: "/") {
            path += (path.isEmpty || path == "/" ? "" : "/") + component
            guard mkdir(path, 0o777) != 0 else { continue }
            let code = errno
            guard CorpusSearch.status(path) == nil else { continue }
            throw .system(call: "mkdir", code: code, file: path)
        }
        guard let status = CorpusSearch.status(output), status.st_mode & S_IFMT == S_IFDIR else {
            throw .system(call: "mkdir", code: ENOTDIR, file: output)
        }
        guard access(output, W_OK) == 0 else {
            throw .system(call: "access", code: errno, file: output)
        }
    }

    /// A manifest of other inputs must not stand beside the new shards.
    private func removeForeignManifest(_ plan: CorpusPlan) throws(CorpusError) {
        let path = output + "/" + ShardNames.manifest
        guard CorpusSearch.status(path) != nil else { return }
        if let manifest = try? CorpusManifest.read(output),
            manifest.fingerprint == CorpusManifest.hexadecimal(plan.fingerprint)
        {
            return
        }
        guard unlink(path) == 0 else { throw .system(call: "unlink", code: errno, file: path) }
    }

    private func removeLeftovers(of units: [CorpusUnit]) throws(CorpusError) {
        let names = Set(units.map { ShardNames.shard($0.index) })
        try removeFiles { name in
            guard ShardNames.isLeftover(name) else { return false }
            return names.contains(name.split(separator: ".").prefix(2).joined(separator: "."))
        }
    }

    private func removeFiles(where isUnwanted: (String) -> Bool) throws(CorpusError) {
        for name in try CorpusSearch.entries(of: output) where isUnwanted(name) {
            let path = output + "/" + name
            guard unlink(path) == 0 || errno == ENOENT else {
                throw .system(call: "unlink", code: errno, file: path)
            }
        }
    }
}
