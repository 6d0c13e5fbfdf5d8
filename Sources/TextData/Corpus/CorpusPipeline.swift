import Files
import Foundation

/// The threads of one rank that turn units into shards.
///
/// Every thread does the same: it takes the next chunk in order (one at a time; reading and
/// unpacking are quick), cleans and encodes it beside the others (this is the work), and hands it
/// in. Whoever hands in the chunk that is due writes it and all that wait behind it. So shards do
/// not depend on the number of threads, a single large file keeps all of them busy, and of several
/// errors the first in reading order is reported.
final class CorpusPipeline: @unchecked Sendable {
    // Unchecked because of the mutable state: `reading` guards the reader's, `writing` the rest.

    private enum Outcome {
        case chunk(EncodedChunk, CorpusUnit, consumed: Int)
        case endOfUnit(CorpusUnit)
        case failure(CorpusError)
    }

    private enum Job {
        case encode(RawChunk, CorpusUnit)
        case report(Outcome)
    }

    private let units: [CorpusUnit]
    private let folder: String
    private let encoder: TokenEncoder
    private let settings: CorpusSettings

    private let reading = NSLock()
    private var unitsOpened = 0
    private var segmentsOpened = 0
    private var reader: SegmentReader?
    private var jobsTaken = 0
    private var isReadingOver = false

    private let writing = NSCondition()
    private var waiting: [Int: Outcome] = [:]
    private var jobsWritten = 0
    private var failure: CorpusError?
    private var shard: ShardAssembly?
    private var progress: ProgressMeter

    /// The threads will write `units` into `folder`; `progress` starts with what is already there.
    init(
        _ units: [CorpusUnit], folder: String, encoder: TokenEncoder, settings: CorpusSettings,
        progress: ProgressMeter
    ) {
        self.units = units
        self.folder = folder
        self.encoder = encoder
        self.settings = settings
        self.progress = progress
    }

    /// Writes all shards and returns what they hold.
    ///
    /// - Throws: the first error in reading order; shards completed before it stay.
    func run() throws(CorpusError) -> CorpusCounts {
        let others = ThreadGroup()
        for _ in 1..<max(settings.threads, 1) {
            others.start(named: "encode") { self.work() }
        }
        work()
        others.wait()
        shard = nil
        if let failure { throw failure }
        return progress.written
    }

    private func work() {
        let chunkEncoder = ChunkEncoder(
            encoder, textField: settings.textField, pieceBytes: settings.pieceBytes)
        while let (number, job) = nextJob() {
            switch job {
            case .report(let outcome): handIn(outcome, number)
            case .encode(let chunk, let unit):
                do throws(CorpusError) {
                    let encoded = try chunkEncoder.encode(chunk)
                    handIn(.chunk(encoded, unit, consumed: chunk.consumed), number)
                } catch {
                    handIn(.failure(error), number)
                }
            }
        }
    }

    // MARK: Reading

    private func nextJob() -> (number: Int, Job)? {
        reading.lock()
        defer { reading.unlock() }
        guard !isReadingOver, !hasFailed else { return nil }
        do throws(CorpusError) {
            guard let job = try nextJobOfUnit() else {
                isReadingOver = true
                return nil
            }
            jobsTaken += 1
            return (jobsTaken - 1, job)
        } catch {
            isReadingOver = true
            jobsTaken += 1
            return (jobsTaken - 1, .report(.failure(error)))
        }
    }

    private func nextJobOfUnit() throws(CorpusError) -> Job? {
        while unitsOpened < units.count {
            let unit = units[unitsOpened]
            if let reader {
                if let chunk = try reader.next() { return .encode(chunk, unit) }
                self.reader = nil
            }
            if segmentsOpened < unit.segments.count {
                reader = try SegmentReader(
                    unit.segments[segmentsOpened], chunkBytes: settings.pieceBytes,
                    limit: settings.recordLimit)
                segmentsOpened += 1
                continue
            }
            unitsOpened += 1
            segmentsOpened = 0
            return .report(.endOfUnit(unit))
        }
        return nil
    }

    // MARK: Writing

    private var hasFailed: Bool {
        writing.lock()
        defer { writing.unlock() }
        return failure != nil
    }

    /// Takes the outcome of the job with a number, and writes what is due.
    private func handIn(_ outcome: Outcome, _ number: Int) {
        writing.lock()
        defer { writing.unlock() }
        // A slow chunk must not let the others pile up in memory. The one that is due never waits.
        while number > jobsWritten + 4 * settings.threads, failure == nil { writing.wait() }
        waiting[number] = outcome
        while failure == nil, let due = waiting.removeValue(forKey: jobsWritten) {
            do throws(CorpusError) {
                try write(due)
            } catch {
                failure = error
            }
            jobsWritten += 1
        }
        writing.broadcast()
    }

    private func write(_ outcome: Outcome) throws(CorpusError) {
        switch outcome {
        case .failure(let error): throw error
        case .chunk(let chunk, let unit, let consumed):
            try openShard(unit).add(chunk)
            progress.advance(bytes: consumed, tokens: chunk.counts.tokens)
        case .endOfUnit(let unit):
            let counts = try openShard(unit).finish()
            shard = nil
            progress.complete(unit, counts)
        }
    }

    private func openShard(_ unit: CorpusUnit) throws(CorpusError) -> ShardAssembly {
        if let shard { return shard }
        let opened = try ShardAssembly(unit, folder: folder, encoder: encoder)
        shard = opened
        return opened
    }
}

/// A shard being written: joins chunks and puts the end-of-text id after each text.
final class ShardAssembly {
    private let writer: ShardWriter
    private let endOfText: Int
    private let endOfTextBytes: [UInt8]
    private var header: ShardHeader
    /// Whether ids of a text have been written that its end-of-text id must follow.
    private var isInDocument: Bool

    /// - Throws: ``CorpusError/system(call:code:file:)``.
    init(_ unit: CorpusUnit, folder: String, encoder: TokenEncoder) throws(CorpusError) {
        writer = try ShardWriter(folder + "/" + ShardNames.shard(unit.index))
        endOfText = Int(encoder.endOfText)
        var bytes: [UInt8] = []
        [encoder.endOfText].appendLittleEndian(bytesPerToken: encoder.bytesPerToken, to: &bytes)
        endOfTextBytes = bytes
        header = ShardHeader(
            bytesPerToken: encoder.bytesPerToken, tokenizerHash: encoder.tokenizerHash,
            vocabularySize: encoder.vocabularySize, fingerprint: unit.fingerprint,
            endOfText: Int(encoder.endOfText))
        // A unit that begins inside a text goes on with it.
        isInDocument = unit.segments.first.map { $0.start > 0 && $0.file.format == .text } ?? false
    }

    func add(_ chunk: EncodedChunk) throws(CorpusError) {
        try chunk.payload.withBytes { bytes throws(CorpusError) in
            try writer.append(bytes)
        }
        header.counts += chunk.counts
        header.largestID = max(header.largestID, chunk.largestID)
        if chunk.startsDocument { isInDocument = false }
        if chunk.counts.tokens > 0 { isInDocument = true }
        if chunk.endsDocument, isInDocument {
            try endOfTextBytes.withBytes { bytes throws(CorpusError) in
                try writer.append(bytes)
            }
            header.counts.tokens += 1
            header.counts.documents += 1
            header.largestID = max(header.largestID, endOfText)
            isInDocument = false
        }
    }

    func finish() throws(CorpusError) -> CorpusCounts {
        try writer.finish(header)
        return header.counts
    }
}

/// Several threads that are waited for together.
final class ThreadGroup: @unchecked Sendable {
    // Unchecked because of the count, which the condition guards.
    private let condition = NSCondition()
    private var running = 0

    /// Starts `body` on a thread of its own.
    func start(named name: String, _ body: @escaping @Sendable () -> Void) {
        condition.lock()
        running += 1
        condition.unlock()
        let thread = Thread {
            body()
            self.condition.lock()
            self.running -= 1
            self.condition.broadcast()
            self.condition.unlock()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Returns when all have ended.
    func wait() {
        condition.lock()
        while running > 0 { condition.wait() }
        condition.unlock()
    }
}
