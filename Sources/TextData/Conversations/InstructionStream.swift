package import Datasets
import Masking
package import Templates
package import Tokenizers

/// Conversations that are read, converted and encoded when they are wanted (`streaming`).
///
/// Only where each row lies is in memory. Rows pass through a buffer that is shuffled: a random
/// one of the buffered rows is taken, and the next of the file takes its place. The order is a
/// function of seed, epoch and position, so a stream can go on where another one stopped.
///
/// A stream is for one thread.
package struct InstructionStream {
    /// How far a stream has come.
    package struct Position: Sendable, Equatable, Codable {
        package var epoch = 0
        /// Rows of this epoch taken, wrong ones included.
        package var rows = 0

        package init() {}

        /// Whether a stream can stand there: a file may say anything.
        package var isPossible: Bool { (0...1 << 53) ~= epoch && (0...1 << 53) ~= rows }
    }

    /// Where the stream stands: what to hand to ``go(to:)`` later.
    package private(set) var position = Position()
    /// What became of the rows so far.
    package private(set) var report = InstructionReport()
    private let rows: DatasetRows
    private let order: [DatasetRows.Reference]
    private let encoding: RowEncoding
    private let settings: InstructionSettings
    private let bufferSize: Int
    /// Places in `order` that take part.
    private var places: [Int] = []
    /// Rows taken in this epoch.
    private var draws = 0
    /// Places in `order` that may come next.
    private var buffer: [Int] = []
    /// The first of `places` that has not been in the buffer.
    private var next = 0
    /// Rows held out.
    private let skipped: Int

    /// A stream of the training datasets of `settings`, after the rows held out.
    ///
    /// - Parameter bufferSize: rows shuffled together (`buffer_size`)
    /// - Throws: ``ConversationError`` for settings or data that cannot be used; in a stream
    ///   `val_size` is a whole number, and examples are not packed.
    package init(
        _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer,
        bufferSize: Int = 16384
    ) throws(ConversationError) {
        try settings.validate()
        func refuse(_ name: String, _ found: String, _ expected: String) -> ConversationError {
            .setting(name: name, found: "\(found) with streaming: true", expected: expected)
        }
        guard bufferSize > 0 else {
            throw refuse("buffer_size", "\(bufferSize)", "at least 1")
        }
        if let limit = settings.rowLimit { throw refuse("max_samples", "\(limit)", "max_steps") }
        if settings.packing != .none { throw refuse("packing", "true", "false") }
        guard settings.heldOut == 0 || settings.heldOut >= 1 else {
            throw refuse("val_size", "\(settings.heldOut)", "a whole number")
        }
        self.settings = settings
        self.bufferSize = bufferSize
        let encoder = try ConversationError.ofTemplates { () throws(TemplateError) in
            try format.encoder(tokenizer, settings.encoding)
        }
        var report = InstructionReport()
        var generator = LegacyNumPyGenerator(seed: settings.seed)
        let catalog = try DatasetCatalog(
            settings.folder, listed: settings.listed, caches: settings.caches)
        let (rows, order) = try InstructionDataset.rows(
            of: settings.datasets, catalog, settings, &generator, &report)
        guard let rows else {
            throw .setting(name: "dataset", found: "none", expected: "a dataset")
        }
        guard Int(settings.heldOut) < order.count else {
            throw refuse("val_size", "\(settings.heldOut)", "less than \(order.count) rows")
        }
        self.rows = rows
        self.order = order
        self.report = report
        encoding = RowEncoding(rows, encoder)
        skipped = Int(settings.heldOut)
        begin(epoch: 0)
    }

    /// Rows of an epoch, wrong ones included.
    package var rowCount: Int { order.count - skipped }

    /// The rows held out: the first of the first epoch's order.
    ///
    /// - Throws: as ``nextExample()``.
    package func heldOut() throws(ConversationError) -> [TokenizedExample] {
        var stream = self
        var examples: [TokenizedExample] = []
        for place in heldOutPlaces() {
            if let example = try stream.example(place) { examples.append(example) }
        }
        return examples
    }

    /// The rows held out as prompts and references; wrong ones are left out.
    package func heldOutPrompts() -> [PromptExample] {
        encoding.prompts(heldOutPlaces().map { order[$0] }, threads: settings.threads)
            .compactMap(\.value)
    }

    /// The next example; epochs follow one another without end.
    ///
    /// - Throws: ``ConversationError/media(column:row:)``; ``ConversationError/row(_:)`` with
    ///   `isStrict`; ``ConversationError/noLabels(rows:cutoffLength:)`` or
    ///   ``ConversationError/allRowsWrong(dataset:rows:first:)`` when a whole epoch gives nothing.
    package mutating func nextExample() throws(ConversationError) -> TokenizedExample {
        for _ in 0..<(2 * order.count) {
            if position.rows == order.count - skipped { begin(epoch: position.epoch + 1) }
            let place = take()
            position.rows += 1
            if let example = try example(place) { return example }
        }
        guard let first = report.firstWrongRows.first else {
            throw .noLabels(rows: order.count, cutoffLength: settings.encoding.cutoffLength)
        }
        throw .allRowsWrong(
            dataset: settings.datasets.joined(separator: ", "), rows: order.count, first: first)
    }

    /// Goes to where another stream of the same settings stood. Rows before it are not encoded.
    package mutating func go(to position: Position) {
        begin(epoch: position.epoch)
        for _ in 0..<min(position.rows, order.count - skipped) { _ = take() }
        self.position = position
    }

    // MARK: Order

    private mutating func begin(epoch: Int, skipping: Bool = true) {
        position = Position()
        position.epoch = epoch
        // Rows held out are those that the first epoch begins with; in all epochs they stay out.
        let held = skipping && skipped > 0 ? Set(heldOutPlaces()) : []
        places = order.indices.filter { !held.contains($0) }
        next = min(bufferSize, places.count)
        buffer = Array(places[..<next])
        draws = 0
    }

    private func heldOutPlaces() -> [Int] {
        var stream = self
        stream.begin(epoch: 0, skipping: false)
        return (0..<skipped).map { _ in stream.take() }
    }

    /// Takes a random row out of the buffer and fills its place.
    private mutating func take() -> Int {
        let key = KeyedPermutation.mix(settings.seed ^ 0x7374_7265_616d) ^ UInt64(position.epoch)
        let bits = KeyedPermutation.mix(KeyedPermutation.mix(key) ^ UInt64(draws))
        draws += 1
        let index = Int(bits.multipliedFullWidth(by: UInt64(buffer.count)).high)
        let place = buffer[index]
        if next < places.count {
            buffer[index] = places[next]
            next += 1
        } else {
            buffer.swapAt(index, buffer.count - 1)
            buffer.removeLast()
        }
        return place
    }

    /// Encodes a row, and counts it where it cannot be used.
    private mutating func example(_ place: Int) throws(ConversationError) -> TokenizedExample? {
        let reference = order[place]
        let result = encoding.example(reference)
        report.rows += 1
        switch result.failure {
        case nil: break
        case .media(let column):
            let problem = RowProblem(found: column, expected: "text")
            throw .media(column: column, row: rows.wrongRow(problem, reference))
        case .wrong(let problem):
            let row = rows.wrongRow(problem, reference)
            if settings.isStrict { throw .row(row) }
            report.add(row)
            return nil
        }
        guard let value = result.value else { return nil }
        if value.isTruncated { report.truncatedRows += 1 }
        report.toolFormat = encoding.encoder.format.toolFormatName
        report.callNotices.formUnion(value.callNotices)
        guard value.example.hasTargets else {
            report.rowsWithoutLabels += 1
            return nil
        }
        return value.example
    }
}
